import { availableParallelism } from "node:os";
import { PublishCommand, SNSClient } from "@aws-sdk/client-sns";
import pino from "pino";
import type { Job } from "../../contract/job";
import type { Engine } from "./engines/engine";
import { goldenSelfTest } from "./engines/golden";
import { createTritonEngine } from "./engines/triton";
import { createEngineThread } from "./engineThread";
import { readImageHeader } from "./images/header";
import { createImagingThreads } from "./imagingThreads";
import { countTiles } from "./pixels/tiles";
import { startServer } from "./server";
import { loadSettings, type Settings } from "./settings";
import { createClients, requestHandler } from "./store/clients";
import { createObjectStore } from "./store/objects";
import { createJobQueue } from "./store/queue";
import { claimTemporaryFolder } from "./temporaryFolder";

/** ECS sends SIGKILL 110 s after SIGTERM. */
const lastMomentMilliseconds = 108_000;

const notifier = (topicArn: string | undefined, region: string): ((job: Job) => Promise<void>) => {
  if (topicArn === undefined) return async () => {};
  const sns = new SNSClient({ region, requestHandler });
  return async ({ id, status, file, output, error }) => {
    const message = { job: id, status, file, output, ...(error === undefined ? {} : { code: error.code }) };
    await sns.send(
      new PublishCommand({
        TopicArn: topicArn,
        Message: JSON.stringify(message),
        MessageAttributes: { status: { DataType: "String", StringValue: status } },
      }),
    );
  };
};

const createEngine = ({ engine, modelPath, threads, tritonUrl, tritonProtocol }: Settings): Promise<Engine> =>
  engine === "triton"
    ? createTritonEngine({ url: tritonUrl, protocol: tritonProtocol, modelPath })
    : createEngineThread({ modelPath, threads });

const main = async (): Promise<void> => {
  const settings = loadSettings(process.env);
  const { region, queueUrl, deadLetterQueueUrl } = settings;
  const log = pino({ base: { instance: settings.instance } });
  const { s3, sqs } = createClients(region);
  const { denoisePages } = createImagingThreads(Math.min(settings.concurrency, availableParallelism()));
  const server = await startServer({
    settings,
    store: createObjectStore(s3),
    queue: createJobQueue(sqs, queueUrl, deadLetterQueueUrl),
    notify: notifier(settings.jobTopicArn, region),
    engine: await createEngine(settings),
    selfTest: goldenSelfTest,
    imaging: { readImageHeader, countTiles, denoisePages },
    temporaryFolder: await claimTemporaryFolder(),
    log,
  });
  log.info({ url: server.url }, "listening");

  let stopping = false;
  const stop = (): void => {
    if (stopping) return;
    stopping = true;
    setTimeout(() => process.exit(1), lastMomentMilliseconds).unref();
    server.drain().then(
      () => process.exit(0),
      (error: unknown) => {
        log.fatal({ err: error }, "drain failed");
        process.exit(1);
      },
    );
  };
  process.on("SIGTERM", stop);
  process.on("SIGINT", stop);
};

/** Why it did not start, down to the first cause. */
const lastWords = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : `${error.message} ${lastWords(error.cause)}`;
};

main().catch((error: unknown) => {
  process.stderr.write(`${lastWords(error)}\n`);
  process.exit(1);
});
