/** Where the platform's own metrics stand in CloudWatch, each with the stack as its one dimension. */
export const metricNamespace = "DDN";

export const stackDimension = "Stack";

/** Jobs put on the queue: wakes a stack that sleeps, since SQS's own metrics sleep with an idle queue. */
export const jobsSubmittedMetric = "JobsSubmitted";
