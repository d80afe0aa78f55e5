import {
  ChangeMessageVisibilityCommand,
  DeleteMessageCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  type SQSClient,
} from "@aws-sdk/client-sqs";
import { type JobMessage, jobTimes } from "../../../contract/job";
import { upstreamError } from "./upstream";

export interface QueueMessage {
  readonly body: string;
  readonly receipt: string;
}

/** The few things done with SQS; every failure is an UpstreamError. */
export interface JobQueue {
  /** Waits up to 20 s for a message; more come along when they are there, up to `most`, which SQS takes up to 10. */
  receive(most: number, signal: AbortSignal): Promise<readonly QueueMessage[]>;
  send(jobId: string, delaySeconds: number): Promise<void>;
  /** Shows the message again in this many seconds, 0 at once. */
  setVisibility(receipt: string, seconds: number): Promise<void>;
  remove(receipt: string): Promise<void>;
  /** Sends a body to the dead-letter queue. */
  bury(body: string): Promise<void>;
}

const longPollSeconds = 20;

export const createJobQueue = (sqs: SQSClient, queueUrl: string, deadLetterQueueUrl: string): JobQueue => {
  const attempt = <T>(action: string, sent: Promise<T>): Promise<T> =>
    sent.catch((error: unknown) => {
      throw upstreamError(action, error);
    });

  return {
    receive: async (most, signal) => {
      const command = new ReceiveMessageCommand({
        QueueUrl: queueUrl,
        MaxNumberOfMessages: most,
        WaitTimeSeconds: longPollSeconds,
        VisibilityTimeout: jobTimes.visibilitySeconds,
      });
      const answer = await attempt("ReceiveMessage", sqs.send(command, { abortSignal: signal }));
      return (answer.Messages ?? []).flatMap(({ Body = "", ReceiptHandle }) =>
        ReceiptHandle === undefined ? [] : [{ body: Body, receipt: ReceiptHandle }],
      );
    },

    send: async (jobId, delaySeconds) => {
      const message: JobMessage = { job: jobId };
      await attempt(
        "SendMessage",
        sqs.send(
          new SendMessageCommand({
            QueueUrl: queueUrl,
            MessageBody: JSON.stringify(message),
            DelaySeconds: delaySeconds,
          }),
        ),
      );
    },

    setVisibility: async (receipt, seconds) => {
      await attempt(
        "ChangeMessageVisibility",
        sqs.send(
          new ChangeMessageVisibilityCommand({
            QueueUrl: queueUrl,
            ReceiptHandle: receipt,
            VisibilityTimeout: seconds,
          }),
        ),
      );
    },

    remove: async (receipt) => {
      await attempt(
        "DeleteMessage",
        sqs.send(new DeleteMessageCommand({ QueueUrl: queueUrl, ReceiptHandle: receipt })),
      );
    },

    bury: async (body) => {
      await attempt(
        "SendMessage",
        sqs.send(new SendMessageCommand({ QueueUrl: deadLetterQueueUrl, MessageBody: body })),
      );
    },
  };
};
