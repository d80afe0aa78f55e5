import type { defaultProvider } from "@aws-sdk/credential-provider-node";
import type { SignatureV4 } from "@smithy/signature-v4";
import type { ApiRequest, Authorization } from "./authorization";
import { DdnError } from "./error";

/** `<id>.execute-api.<region>.amazonaws.com`; an API's own domain name does not tell. */
const regionOfHost = (hostname: string): string | undefined =>
  /\.execute-api\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?$/.exec(hostname)?.[1];

const firstLine = (cause: unknown): string => String(cause instanceof Error ? cause.message : cause).split("\n", 1)[0];

/** Credentials of the SDKs' chain: environment, shared files and SSO, process, web identity, container, instance. */
const credentialsOf = (chain: ReturnType<typeof defaultProvider>) => async () => {
  try {
    return await chain();
  } catch (cause) {
    throw new DdnError(
      0,
      "credentials_missing",
      `Expected AWS credentials but found none that work (${firstLine(cause)}). Set AWS_PROFILE, after \`aws sso login\` where it uses SSO, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.`,
    );
  }
};

/** Loads AWS's libraries only when something is to be signed: they take longer to load than the whole command. */
const signerFor = async (region: string): Promise<SignatureV4> => {
  const [{ Sha256 }, { defaultProvider: chainOf }, { SignatureV4: Signer }] = await Promise.all([
    import("@aws-crypto/sha256-js"),
    import("@aws-sdk/credential-provider-node"),
    import("@smithy/signature-v4"),
  ]);
  return new Signer({ service: "execute-api", region, credentials: credentialsOf(chainOf()), sha256: Sha256 });
};

const queryOf = ({ searchParams }: URL): Record<string, string[]> =>
  Object.fromEntries([...searchParams.keys()].map((name) => [name, searchParams.getAll(name)]));

/**
 * Signs each request to an API whose `authMode` is iam with AWS Signature Version 4, body included.
 * @param region where the address does not tell it
 * @throws DdnError `region_missing`; from the requests `credentials_missing`
 */
export const signedByAws = (apiUrl: string, region: string | undefined): Authorization => {
  const signingRegion = regionOfHost(new URL(apiUrl).hostname) ?? region;
  if (signingRegion === undefined) {
    throw new DdnError(
      0,
      "region_missing",
      "Expected the region of the API, which its own domain name does not tell. Set AWS_REGION to the stack's output `region`.",
    );
  }
  let signer: Promise<SignatureV4> | undefined;
  const headersFor = async ({ method, url, headers, body }: ApiRequest) => {
    signer ??= signerFor(signingRegion);
    const signed = await (await signer).sign({
      method,
      protocol: url.protocol,
      hostname: url.hostname,
      path: url.pathname,
      query: queryOf(url),
      headers: { ...headers, host: url.host },
      body,
    });
    // The connection writes `host` itself, and browsers' rules for fetch forbid to name it.
    const { host: _, ...granted } = signed.headers;
    return granted;
  };
  return { kind: "aws", headersFor };
};
