import { DdnError } from "./error";

/** A request to the API on its way out. */
export interface ApiRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** What lets a client's requests in. */
export interface Authorization {
  readonly kind: "bearer" | "aws";
  /** The headers to add to this one request; asked for again at each attempt, since signatures age. */
  headersFor(request: ApiRequest): Promise<Readonly<Record<string, string>>>;
}

/**
 * A token of the issuer that the API trusts, sent as it is.
 * @throws DdnError `token_invalid` when it holds what no token can (RFC 6750 §2.1)
 */
export const bearer = (token: string): Authorization => {
  if (!/^[A-Za-z0-9._~+/-]+=*$/.test(token)) {
    throw new DdnError(
      0,
      "token_invalid",
      "Expected a token of letters, digits and - . _ ~ + / but received other characters. Give the token alone, without the word Bearer, spaces or line breaks.",
    );
  }
  return { kind: "bearer", headersFor: async () => ({ authorization: `Bearer ${token}` }) };
};
