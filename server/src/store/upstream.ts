/** A service behind this one did not do its part: worth another try, and nobody's input is to blame. */
export class UpstreamError extends Error {
  readonly code = "upstream_unavailable";

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "UpstreamError";
  }
}

interface ServiceFailure {
  readonly name: string;
  readonly status: number | undefined;
}

/** What an AWS client threw, in the two facts that matter; the status is undefined when nothing answered. */
export const serviceFailure = (error: unknown): ServiceFailure => {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  const name = typeof code === "string" ? code : error instanceof Error ? error.name : "an unknown error";
  const metadata =
    typeof error === "object" && error !== null && "$metadata" in error
      ? (error.$metadata as { httpStatusCode?: number } | undefined)
      : undefined;
  return { name, status: metadata?.httpStatusCode };
};

/** Turns an AWS client's error into ours; carries no key, no URL and no credential. */
export const upstreamError = (action: string, error: unknown): UpstreamError => {
  const { name, status } = serviceFailure(error);
  const answer = status === undefined ? name : `${name} (${status})`;
  return new UpstreamError(`Expected an answer to ${action} but received ${answer}.`, { cause: error });
};
