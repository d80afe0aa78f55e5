import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as pause } from "node:timers/promises";
import { freePorts } from "../local/processes";
import type { TwinDescription } from "../local/twinDirectory";
import type { TestTriton } from "../server/test/triton/server";

const command = process.env.DDN_LEGACY_COMMAND ?? "";
const startWithinMs = 60_000;

export const missingLegacy = (): string | undefined =>
  command === ""
    ? "There is no legacy server to compare with: DDN_LEGACY_COMMAND names none (bench/README.md says what it is given)."
    : undefined;

/** The server that this platform replaces, beside it on the same S3 and the same Triton. */
export interface Legacy {
  readonly pid: number;
  /** `POST /inference`; throws when the answer is not 200. */
  infer(file: string): Promise<LegacyAnswer>;
  stop(): Promise<void>;
}

/** Milliseconds by stage, where it tells them. */
export interface LegacyAnswer {
  readonly stages?: Readonly<Record<string, number>>;
}

const hasEnded = ({ exitCode, signalCode }: ChildProcess): boolean => exitCode !== null || signalCode !== null;

const answers = (url: string): Promise<boolean> =>
  fetch(`${url}/ping`).then(
    (response) => response.ok,
    () => false,
  );

/** @throws Error with what it wrote when it does not come up */
export const startLegacy = async ({ s3 }: TwinDescription, triton: TestTriton): Promise<Legacy> => {
  const [port] = await freePorts(1);
  const url = `http://127.0.0.1:${port}`;
  const child = spawn("/bin/sh", ["-c", `exec ${command}`], {
    env: {
      ...process.env,
      PORT: String(port),
      S3_ENDPOINT: s3.endpoint,
      AWS_DEFAULT_REGION: s3.region,
      AWS_ACCESS_KEY_ID: s3.accessKeyId,
      AWS_SECRET_ACCESS_KEY: s3.secretAccessKey,
      IN_BUCKET: s3.inBucket,
      OUT_BUCKET: s3.outBucket,
      TRITON_URL: new URL(triton.url("http")).host,
      MODEL: "legacy_fp32",
      IN_TENSOR: "INPUT0",
      OUT_TENSOR: "OUTPUT0",
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const end = (): void => void child.kill("SIGKILL");
  process.once("exit", end);
  let said = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk: Buffer) => {
      said = (said + chunk.toString()).slice(-2000);
    });
  }
  const gone = once(child, "exit");
  const stop = async (): Promise<void> => {
    child.kill("SIGTERM");
    await gone;
    process.off("exit", end);
  };
  const until = performance.now() + startWithinMs;
  while (!(await answers(url))) {
    if (hasEnded(child) || performance.now() > until) {
      if (!hasEnded(child)) await stop();
      throw new Error(`Expected the legacy server to answer at ${url} but it did not. It wrote:\n${said}`);
    }
    await pause(100);
  }
  return {
    pid: child.pid ?? 0,
    infer: async (file) => {
      const answer = await fetch(`${url}/inference`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ file }),
      });
      if (answer.status !== 200) throw new Error(`${answer.status} ${(await answer.text()).slice(0, 100)}`);
      return (await answer.json()) as LegacyAnswer;
    },
    stop,
  };
};
