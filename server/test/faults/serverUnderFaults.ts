import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { GetObjectCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { GetQueueAttributesCommand, ReceiveMessageCommand, SendMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import type { FastifyBaseLogger } from "fastify";
import pino from "pino";
import { expect, vi } from "vitest";
import { type Job, jobKey, queuedJob } from "../../../contract/job";
import { randomJobId } from "../../../contract/jobId";
import { defaultTimes, type Times } from "../../src/jobs/times";
import { type Server, startServer } from "../../src/server";
import { loadSettings, type Settings } from "../../src/settings";
import { createObjectStore } from "../../src/store/objects";
import { createJobQueue } from "../../src/store/queue";
import { startTwin } from "../../src/testing/twin";
import { testEngine, testImaging } from "../../src/testing/world";
import { type FaultProxy, startFaultProxy } from "./faultProxy";

export interface ServerOptions {
  readonly instance?: string;
  readonly settings?: Partial<Settings>;
  readonly times?: Partial<Times>;
  readonly onTile?: (done: number) => void | Promise<void>;
  readonly engine?: Partial<typeof testEngine>;
  readonly s3?: ConstructorParameters<typeof S3Client>[0];
}

export interface ServerUnderFaults extends Server {
  readonly temporaryFolder: string;
  /** `POST /inference`. */
  infer(file: string, headers?: Record<string, string>): Promise<Response>;
}

const silent = (): void => {};
/** The SDK tells the console of each failure that was asked for here. */
const logger = { trace: silent, debug: silent, info: silent, warn: silent, error: silent };

/** For a busy machine; nothing waits so long where all goes well. */
const patience = { timeout: 25_000 };

/** Looks until it holds. */
export const eventually = <T>(look: () => T) => expect.poll(look, patience);

/** Only Linux tells; elsewhere none. */
const openFilesBelow = (folder: string): string[] => {
  const descriptors = "/proc/self/fd";
  if (!existsSync(descriptors)) return [];
  return readdirSync(descriptors).flatMap((descriptor) => {
    try {
      const path = readlinkSync(join(descriptors, descriptor));
      return path.startsWith(folder) ? [path] : [];
    } catch {
      // Closed meanwhile.
      return [];
    }
  });
};

/** What is silent for so long counts as lost; 30 s in the server's own settings. */
const socketTimeout = 300;

/** The twin's S3 and SQS, each behind a proxy that injects faults, and servers that know only the proxies. */
export const startFaultyTwin = async () => {
  const twin = await startTwin();
  const { operator, buckets, queueUrl, deadLetterQueueUrl, environment } = twin;
  const s3 = await startFaultProxy(environment.AWS_ENDPOINT_URL_S3);
  const sqs = await startFaultProxy(environment.AWS_ENDPOINT_URL_SQS);
  const credentials = {
    accessKeyId: environment.AWS_ACCESS_KEY_ID,
    secretAccessKey: environment.AWS_SECRET_ACCESS_KEY,
  };
  const common = { region: environment.AWS_REGION, credentials, logger, requestHandler: { socketTimeout } };
  const folders: string[] = [];
  const drains: (() => Promise<void>)[] = [];

  const start = async (options: ServerOptions = {}): Promise<ServerUnderFaults> => {
    const { instance = "one", settings = {}, times = {}, onTile = () => {} } = options;
    const temporaryFolder = mkdtempSync(join(tmpdir(), "ddn-faults-"));
    folders.push(temporaryFolder);
    const server = await startServer({
      settings: {
        ...loadSettings({ ...environment, HOST: "127.0.0.1", PORT: "0" }),
        instance,
        drainSeconds: 5,
        ...settings,
      },
      store: createObjectStore(new S3Client({ ...common, endpoint: s3.url, ...options.s3 })),
      queue: createJobQueue(
        // A long poll is silent for its 20 s.
        new SQSClient({ ...common, endpoint: sqs.url, requestHandler: { socketTimeout: 30_000 } }),
        queueUrl,
        deadLetterQueueUrl,
      ),
      notify: async () => {},
      engine: { ...testEngine, ...options.engine },
      selfTest: async () => {},
      imaging: testImaging(onTile),
      temporaryFolder,
      log: pino({ enabled: false }) as FastifyBaseLogger,
      times: { ...defaultTimes, recordEvery: 20, pollFirst: 5, pollMost: 20, ...times },
    });
    let drained: Promise<void> | undefined;
    const drain = (): Promise<void> => {
      drained ??= server.drain();
      return drained;
    };
    drains.push(drain);
    await vi.waitFor(async () => expect((await fetch(`${server.url}/healthz`)).status).toBe(200), patience);
    const infer = (file: string, headers: Record<string, string> = {}): Promise<Response> =>
      fetch(`${server.url}/inference`, {
        method: "POST",
        headers: { "content-type": "application/json", ...headers },
        body: JSON.stringify({ file }),
      });
    return { ...server, drain, temporaryFolder, infer };
  };

  const getObject = async (key: string) => {
    const answer = await operator.s3.send(new GetObjectCommand({ Bucket: buckets.out, Key: key }));
    return { answer, body: Buffer.from((await answer.Body?.transformToByteArray()) ?? []) };
  };

  const job = async (id: string): Promise<Job> => JSON.parse((await getObject(jobKey(id))).body.toString());

  const inputs = new Map<string, string>();
  const putInput = async (file: string, text = `pixels of ${file}`): Promise<Job["input"]> => {
    inputs.set(file, text);
    const put = new PutObjectCommand({ Bucket: buckets.in, Key: file, Body: text });
    return { bytes: Buffer.byteLength(text), etag: (await operator.s3.send(put)).ETag ?? "" };
  };

  const sendMessage = async (body: string): Promise<void> => {
    await operator.sqs.send(new SendMessageCommand({ QueueUrl: queueUrl, MessageBody: body }));
  };

  const countMessages = async (): Promise<number> => {
    const { Attributes = {} } = await operator.sqs.send(
      new GetQueueAttributesCommand({ QueueUrl: queueUrl, AttributeNames: ["All"] }),
    );
    const { ApproximateNumberOfMessages: visible, ApproximateNumberOfMessagesNotVisible: hidden } = Attributes;
    return Number(visible) + Number(hidden);
  };

  return {
    ...twin,
    faults: { s3, sqs } as { readonly s3: FaultProxy; readonly sqs: FaultProxy },
    start,
    putInput,
    job,
    sendMessage,
    countMessages,
    deadLetters: async (): Promise<readonly string[]> => {
      const { Messages = [] } = await operator.sqs.send(
        new ReceiveMessageCommand({ QueueUrl: deadLetterQueueUrl, MaxNumberOfMessages: 10, VisibilityTimeout: 0 }),
      );
      return Messages.map(({ Body = "" }) => Body);
    },
    /** A job as `POST /jobs` leaves it: record and message. */
    queueJob: async (file: string, text?: string): Promise<string> => {
      const request = { file, output: file, options: { strength: 1 } };
      const record = queuedJob(randomJobId(), request, await putInput(file, text), new Date());
      await operator.s3.send(
        new PutObjectCommand({ Bucket: buckets.out, Key: jobKey(record.id), Body: JSON.stringify(record) }),
      );
      await sendMessage(JSON.stringify({ job: record.id }));
      return record.id;
    },
    /** Waits until the job has succeeded, and checks that its result is whole, its own, and the only version. */
    expectSuccess: async (id: string): Promise<Job> => {
      await expect.poll(async () => (await job(id)).status, { timeout: 50_000 }).toBe("succeeded");
      const ended = await job(id);
      const { answer, body } = await getObject(ended.output);
      expect({
        job: answer.Metadata?.["ddn-job"],
        etag: answer.ETag,
        versionId: answer.VersionId,
        sha256: createHash("sha256").update(body).digest("hex"),
        pixels: body.toString().split("\n")[1],
      }).toEqual({
        job: id,
        etag: ended.result?.etag,
        versionId: ended.result?.versionId,
        sha256: ended.result?.sha256,
        pixels: inputs.get(ended.file),
      });
      return ended;
    },
    /** Nothing of a run is left on the server's disk, or open: a file that is removed while it is open still takes its room. */
    expectClean: async ({ temporaryFolder }: ServerUnderFaults): Promise<void> => {
      await eventually(() => [...readdirSync(temporaryFolder), ...openFilesBelow(temporaryFolder)]).toEqual([]);
    },
    close: async (): Promise<void> => {
      s3.heal();
      sqs.heal();
      await Promise.all(drains.map((drain) => drain()));
      await Promise.all([s3.close(), sqs.close()]);
      for (const folder of folders) rmSync(folder, { recursive: true, force: true });
      await twin.close();
    },
  };
};

export type FaultyTwin = Awaited<ReturnType<typeof startFaultyTwin>>;
