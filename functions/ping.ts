import { S3Client } from "@aws-sdk/client-s3";
import { GetQueueAttributesCommand, SQSClient } from "@aws-sdk/client-sqs";
import { version } from "../contract/version";
import { type ApiEvent, type ApiResult, jsonResult } from "./event";
import { freshServices } from "./service";
import type { PingSettings } from "./settings";
import { asked, bounded, logRefusal } from "./upstream";

/** Milliseconds after which ping answers with what it knows. */
const deadlineMs = 1500;

const waitingMessages = async (sqs: SQSClient, queueUrl: string, abortSignal: AbortSignal): Promise<number> => {
  const answer = await sqs.send(
    new GetQueueAttributesCommand({
      QueueUrl: queueUrl,
      AttributeNames: [
        "ApproximateNumberOfMessages",
        "ApproximateNumberOfMessagesNotVisible",
        "ApproximateNumberOfMessagesDelayed",
      ],
    }),
    { abortSignal },
  );
  return Object.values(answer.Attributes ?? {}).reduce((sum, count) => sum + Number(count), 0);
};

/**
 * `GET /ping`: always 200, for it tells that the API answers; `service` tells of the servers behind it.
 * What could not be asked in time stands in `unavailable`, and counts as no server and no work.
 */
export const pingHandler = (settings: PingSettings) => {
  const s3 = new S3Client({ ...bounded, maxAttempts: 2, ...settings.clients?.s3 });
  const sqs = new SQSClient({ ...bounded, maxAttempts: 2, ...settings.clients?.sqs });
  return async (_event: ApiEvent): Promise<ApiResult> => {
    const [services, waiting] = await Promise.all([
      asked((abortSignal) => freshServices(s3, settings.outBucket, abortSignal), deadlineMs),
      asked((abortSignal) => waitingMessages(sqs, settings.queueUrl, abortSignal), deadlineMs),
    ]);
    if (!services.ok) logRefusal("S3", services);
    if (!waiting.ok) logRefusal("SQS", waiting);
    const fresh = services.ok ? services.value : [];
    const awaited = fresh.length > 0 || (waiting.ok && waiting.value > 0);
    const unavailable = [...(services.ok ? [] : ["s3"]), ...(waiting.ok ? [] : ["sqs"])];
    return jsonResult(200, {
      status: "ok",
      version,
      service: fresh.some((record) => record.ready) ? "ready" : awaited ? "starting" : "asleep",
      time: new Date().toISOString(),
      ...(unavailable.length === 0 ? {} : { unavailable }),
    });
  };
};
