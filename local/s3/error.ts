/** A refusal as S3 words it: the status, the code and the sentence go to the caller. */
export class S3Error extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly headers: Readonly<Record<string, string>> = {},
  ) {
    super(message);
    this.name = "S3Error";
  }
}

export const accessDenied = (message = "Access Denied"): S3Error => new S3Error(403, "AccessDenied", message);

export const notImplemented = (what: string): S3Error =>
  new S3Error(501, "NotImplemented", `${what} implies functionality that is not implemented.`);

export const invalidArgument = (message: string): S3Error => new S3Error(400, "InvalidArgument", message);

export const incompleteBody = (message: string): S3Error => new S3Error(400, "IncompleteBody", message);

export const noSuchKey = (headers: Readonly<Record<string, string>> = {}): S3Error =>
  new S3Error(404, "NoSuchKey", "The specified key does not exist.", headers);

export const preconditionFailed = (condition: string): S3Error =>
  new S3Error(412, "PreconditionFailed", `At least one of the pre-conditions you specified did not hold: ${condition}`);
