/** An error answer of SQS: the name as in its JSON protocol, and the code of the older query protocol. */
export class QueueError extends Error {
  constructor(
    /** As in `__type`, without the namespace. */
    readonly type: string,
    message: string,
    readonly status = 400,
    /** As in the header `x-amzn-query-error`, which the SDKs turn into the error's name. */
    readonly queryCode = type,
  ) {
    super(message);
    this.name = "QueueError";
  }
}

export const invalidParameter = (message: string): QueueError =>
  new QueueError("InvalidParameterValueException", message, 400, "InvalidParameterValue");

/** A range violation, in SQS's own words. */
export const outOfRange = (name: string, value: unknown, reason: string): QueueError =>
  invalidParameter(`Value ${JSON.stringify(value)} for parameter ${name} is invalid. Reason: ${reason}`);

export const missingParameter = (name: string): QueueError =>
  new QueueError(
    "MissingRequiredParameterException",
    `The request must contain the parameter ${name}.`,
    400,
    "MissingParameter",
  );

export const queueDoesNotExist = (): QueueError =>
  new QueueError(
    "QueueDoesNotExist",
    "The specified queue does not exist.",
    400,
    "AWS.SimpleQueueService.NonExistentQueue",
  );

/** Errors that both protocols name alike but for the older one's prefix. */
export const serviceError = (type: string, message: string): QueueError =>
  new QueueError(type, message, 400, `AWS.SimpleQueueService.${type}`);
