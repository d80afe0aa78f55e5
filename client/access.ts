import { expected } from "../contract/problem";
import { type Authorization, bearer } from "./authorization";
import { signedByAws } from "./awsSignature";
import { DdnError } from "./error";

/** How the command was told to be let in. */
export interface AccessFlags {
  readonly api: string;
  readonly token?: string;
  readonly aws?: boolean;
}

const given = (text: string | undefined): string | undefined => (text === "" ? undefined : text);

/**
 * What lets the command's requests in, or undefined where the API asks for nothing. Flags go before `DDN_AUTH` (a stack's output
 * `authMode`), and that before the mere presence of `DDN_TOKEN`.
 * @throws DdnError when what was given does not suffice
 */
export const authorizationOf = (
  { api, token, aws = false }: AccessFlags,
  environment: Readonly<Record<string, string | undefined>>,
): Authorization | undefined => {
  const knownToken = token ?? given(environment.DDN_TOKEN);
  const flag = (aws ? "iam" : undefined) ?? (token === undefined ? undefined : "jwt");
  const mode = flag ?? given(environment.DDN_AUTH) ?? (knownToken === undefined ? "none" : "jwt");
  switch (mode) {
    case "none":
      return undefined;
    case "jwt":
      if (knownToken !== undefined) return bearer(knownToken);
      throw new DdnError(
        0,
        "token_missing",
        expected("a bearer token", "DDN_TOKEN", undefined, "DDN_AUTH asks for one."),
      );
    case "iam":
      return signedByAws(api, given(environment.AWS_REGION));
    default:
      throw new DdnError(
        0,
        "auth_invalid",
        expected('"jwt", "iam" or "none"', "DDN_AUTH", mode, "Set it to the stack's output `authMode`."),
      );
  }
};
