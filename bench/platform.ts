import { createReadStream } from "node:fs";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { type Client, createClient } from "../client/client";
import { errorOfJob } from "../client/error";
import type { Job, JobTimings } from "../contract/job";
import { startTwin, type Twin } from "../local/twin";
import type { Bench } from "./row";
import { median } from "./statistics";
import { written } from "./table";

/** A twin with what a benchmark asks of it. */
export interface Platform {
  readonly twin: Twin;
  readonly client: Client;
  /** Puts a file where the platform takes its inputs. */
  upload(file: string, path: string): Promise<void>;
  /**
   * `POST /inference`, straight to the server as the load balancer would; what takes longer than its wait is awaited.
   * @throws Error when it is refused, or the job did not succeed
   */
  infer(file: string): Promise<Job>;
  /**
   * `POST /jobs` by the gateway, and the record at the end.
   * @throws Error when the job did not succeed
   */
  queue(file: string, output?: string): Promise<Job>;
  serverPid(): number;
  close(): Promise<void>;
}

/** What makes the server leave a profile of itself. */
const profiling = (folder: string | undefined): Record<string, string> =>
  folder === undefined ? {} : { NODE_OPTIONS: `--require=${join(__dirname, "profile.cjs")}`, DDN_PROFILE: folder };

/** @param environment the server's, over the twin's own */
export const startPlatform = async (
  { folder, profile }: Pick<Bench, "folder" | "profile">,
  environment: Readonly<Record<string, string>> = {},
): Promise<Platform> => {
  const directory = await mkdtemp(join(folder, "twin-"));
  const twin = await startTwin({ directory, serverEnvironment: { ...profiling(profile), ...environment } });
  const client = createClient({ baseUrl: twin.url });
  const finished = (job: Job): Job => {
    if (job.status !== "succeeded") throw errorOfJob(job) ?? new Error(`The job is still ${job.status}.`);
    return job;
  };
  return {
    twin,
    client,
    upload: async (file, path) => {
      const { size } = await stat(path);
      // Read as it is sent: the largest image would not fit beside the server's memory that is measured.
      const stream = () => Readable.toWeb(createReadStream(path)) as ReadableStream<Uint8Array>;
      await client.upload(file, { size, stream }, { size });
    },
    infer: async (file) => {
      const answer = await fetch(`${twin.server}/inference`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ file }),
      });
      if (!answer.ok) throw new Error(`${answer.status} ${(await answer.text()).slice(0, 100)}`);
      const job = (await answer.json()) as Job;
      return finished(answer.status === 202 ? await client.waitForJob(job.id) : job);
    },
    queue: async (file, output) => {
      const { id } = await client.createJob({ file, ...(output === undefined ? {} : { output }) });
      return finished(await client.waitForJob(id));
    },
    serverPid: () => {
      const { server } = twin.pids();
      if (server === undefined) throw new Error("Expected a running server but it has ended.");
      return server;
    },
    close: async () => {
      await twin.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
};

const stages = ["queueMs", "readMs", "decodeMs", "inferMs", "encodeMs", "writeMs", "totalMs"] as const;

/** The median of each stage over jobs, in words. */
export const stagesOf = (jobs: readonly Pick<Job, "timings">[]): string => {
  const timings = jobs.flatMap((job) => (job.timings === undefined ? [] : [job.timings]));
  const of = (stage: keyof JobTimings): string =>
    `${stage.slice(0, -2)} ${written(median(timings.map((each) => each[stage])))}`;
  return timings.length === 0 ? "" : `ms at the median: ${stages.map(of).join(", ")}`;
};
