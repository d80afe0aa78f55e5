// Does not prove: that jobs survive faults (their own tests do) or that AWS behaves as this twin.
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { GetObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { GetQueueAttributesCommand, SendMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startTwin, type Twin, type TwinOptions } from "./twin";

const root = join(__dirname, "..");

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

const until = async (holds: () => boolean | Promise<boolean>): Promise<void> => {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 20));
};

const pidsOf = (twin: Twin): number[] => Object.values(twin.pids()).filter((pid) => pid !== undefined);

const temporary = (): string => mkdtempSync(join(tmpdir(), "ddn-twin-"));

describe("a twin", () => {
  let directory: string;
  let twin: Twin;
  const lines: string[] = [];
  const options = (): TwinOptions => ({ directory, log: (line) => lines.push(line) });

  const s3 = () => new S3Client({ endpoint: twin.s3.endpoint, region: twin.s3.region, credentials: twin.s3 });
  const sqs = () => new SQSClient({ endpoint: twin.sqs.endpoint, region: twin.s3.region, credentials: twin.s3 });

  const readObject = async (key: string): Promise<string | undefined> =>
    (await s3().send(new GetObjectCommand({ Bucket: twin.s3.inBucket, Key: key }))).Body?.transformToString();

  const upload = async (file: string, body: Uint8Array | string): Promise<void> => {
    const query = new URLSearchParams({ file, mode: "upload" });
    const presigned = (await (await fetch(`${twin.url}/presign?${query}`)).json()) as { url: string };
    const put = await fetch(presigned.url, { method: "PUT", body: body as RequestInit["body"] });
    expect(put.status).toBe(200);
  };

  beforeAll(async () => {
    directory = temporary();
    twin = await startTwin(options());
  });

  afterAll(async () => {
    await twin.close();
    rmSync(directory, { recursive: true });
  });

  it("answers ping", async () => {
    const response = await fetch(`${twin.url}/ping`);
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ status: "ok" });
  });

  it("describes itself to tools, in a file that only its owner can read", () => {
    const file = join(directory, "twin.json");
    const description = JSON.parse(readFileSync(file, "utf8"));
    expect(description).toEqual({
      gateway: twin.url,
      server: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
      s3: {
        endpoint: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
        region: "ap-northeast-2",
        accessKeyId: expect.stringMatching(/^AKIA[A-Z2-7]{16}$/),
        secretAccessKey: expect.stringMatching(/^.{40}$/),
        inBucket: "ddn-in-bucket",
        outBucket: "ddn-out-bucket",
      },
      sqs: { endpoint: twin.sqs.endpoint, queueUrl: `${twin.sqs.endpoint}/000000000000/ddn-jobs` },
    });
    if (process.platform !== "win32") {
      for (const name of ["twin.json", "keys.json", "s3.json", "sqs.json"]) {
        expect(statSync(join(directory, name)).mode & 0o777).toBe(0o600);
      }
    }
  });

  it("denoises an image through presign, PUT, inference and GET", async () => {
    const image = await sharp(new Uint16Array(32 * 32).fill(30_000), { raw: { width: 32, height: 32, channels: 1 } })
      .toColourspace("grey16")
      .png()
      .toBuffer();
    await upload("하나.png", image);
    const response = await fetch(`${twin.url}/inference`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ file: "하나.png" }),
    });
    expect(await response.json()).toMatchObject({ status: "succeeded", input: { width: 32, height: 32, bits: 16 } });
    const query = new URLSearchParams({ file: "하나.png", mode: "download" });
    const download = (await (await fetch(`${twin.url}/presign?${query}`)).json()) as { url: string };
    const result = await sharp(await (await fetch(download.url)).arrayBuffer()).metadata();
    expect(result).toMatchObject({ format: "png", width: 32, height: 32, depth: "ushort", channels: 1 });
  });

  it("says how much memory each process ever held", async () => {
    const usage = await twin.usage();
    expect(Object.keys(usage).sort()).toEqual(["gateway", "s3", "server", "sqs"]);
    for (const bytes of Object.values(usage)) expect(bytes).toBeGreaterThan(20 * 2 ** 20);
  });

  it("lets a page of its own origin upload, and no other page", async () => {
    const { hostname, port } = new URL(twin.url);
    const preflight = (origin: string) =>
      fetch(`${twin.s3.endpoint}/${twin.s3.inBucket}/a.tif`, {
        method: "OPTIONS",
        headers: { origin, "access-control-request-method": "PUT" },
      });
    expect((await preflight(`http://${hostname}:${port}`)).status).toBe(200);
    expect((await preflight(`http://localhost:${port}`)).status).toBe(200);
    expect((await preflight("https://elsewhere.example")).status).toBe(403);
  });

  it.each(["s3", "sqs", "server"] as const)("starts %s again after kill -9, with everything it had", async (name) => {
    await upload("kept.tif", "kept");
    await sqs().send(
      new SendMessageCommand({ QueueUrl: twin.sqs.queueUrl, MessageBody: '{"job":"none"}', DelaySeconds: 900 }),
    );
    const delayed = async () =>
      (
        await sqs().send(
          new GetQueueAttributesCommand({
            QueueUrl: twin.sqs.queueUrl,
            AttributeNames: ["ApproximateNumberOfMessagesDelayed"],
          }),
        )
      ).Attributes?.ApproximateNumberOfMessagesDelayed;
    const before = await delayed();
    const pid = twin.pids()[name] as number;
    process.kill(pid, "SIGKILL");
    await until(() => ![undefined, pid].includes(twin.pids()[name]));
    const origin = { s3: twin.s3.endpoint, sqs: twin.sqs.endpoint, server: `${twin.server}/livez` }[name];
    await until(() =>
      fetch(origin).then(
        () => true,
        () => false,
      ),
    );
    expect(await readObject("kept.tif")).toBe("kept");
    expect(await delayed()).toBe(before);
    expect(lines.at(-1)).toBe(
      `${name} ended (signal SIGKILL) and is started again; its log is ${join(directory, "logs", `${name}.log`)}`,
    );
  });

  it("has its folder for itself", async () => {
    await expect(startTwin({ directory })).rejects.toThrow(
      `Expected a folder that no other twin uses for \`--data\` but received ${JSON.stringify(directory)}. Process ${process.pid} uses it:`,
    );
    expect(pidsOf(twin).every(isAlive)).toBe(true);
  });

  it("has its port for itself, and takes nothing along when it cannot have it", async () => {
    const other = temporary();
    const port = Number(new URL(twin.url).port);
    await expect(startTwin({ directory: other, port })).rejects.toThrow(
      `Expected a free port for \`--port\` but received ${port}. Another process uses it: give another port, or 0 for any free one.`,
    );
    expect(existsSync(join(other, "twin.lock"))).toBe(false);
    rmSync(other, { recursive: true });
  });

  it("leaves no process when closed, and finds its keys and files at the next start", async () => {
    const pids = pidsOf(twin);
    expect(pids).toHaveLength(3);
    const { accessKeyId } = twin.s3;
    await upload("kept.tif", "still here");
    await twin.close();
    expect(pids.filter(isAlive)).toEqual([]);
    expect(existsSync(join(directory, "twin.json"))).toBe(false);
    twin = await startTwin(options());
    expect(twin.s3.accessKeyId).toBe(accessKeyId);
    expect(await readObject("kept.tif")).toBe("still here");
  });
});

describe("a twin that cannot start", () => {
  it("says that the model is missing", async () => {
    const directory = temporary();
    await expect(startTwin({ directory, serverEnvironment: { DDN_MODEL: "/nowhere.onnx" } })).rejects.toThrow(
      'Expected the path of an ONNX model for `DDN_MODEL` but received "/nowhere.onnx". Fetch the whole repository, or run model/export.py.',
    );
    rmSync(directory, { recursive: true });
  });

  it("shows the end of the log of the process that failed, and stops the others", async () => {
    const directory = temporary();
    const model = join(directory, "broken.onnx");
    writeFileSync(model, "not a model");
    const error = await startTwin({ directory, serverEnvironment: { DDN_MODEL: model } }).catch((reason) => reason);
    expect(error.message).toMatch(/^server ended while it started \(exit code 1\)\. The end of .*server\.log:\n.+/s);
    expect(existsSync(join(directory, "twin.lock"))).toBe(false);
    rmSync(directory, { recursive: true });
  });
});

describe("npm start", () => {
  const started: ChildProcess[] = [];

  const start = (...args: string[]): { child: ChildProcess; output: () => string } => {
    const child = spawn(process.execPath, ["--import", "tsx", "local/main.ts", ...args], { cwd: root });
    started.push(child);
    let text = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on("data", (chunk) => {
        text += chunk;
      });
    }
    return { child, output: () => text };
  };

  const childPids = (pid: number | undefined): number[] =>
    process.platform === "linux"
      ? readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ").map(Number)
      : execFileSync("ps", ["-A", "-o", "ppid=,pid="], { encoding: "utf8" })
          .split("\n")
          .map((line) => line.trim().split(/\s+/).map(Number))
          .flatMap(([parent, child]) => (parent === pid ? [child] : []));

  afterAll(() => {
    for (const child of started) child.kill("SIGKILL");
  });

  it.each([
    [["--prot", "1"], "Unknown option '--prot'"],
    [["--port", "99999"], 'Expected a port from 0 to 65535 for `--port` but received "99999".'],
    [["extra"], "Unexpected argument 'extra'"],
    [["--model"], "Option '--model <value>' argument missing"],
  ])("refuses %j with status 2", async (args, message) => {
    const { child, output } = start(...args);
    expect((await once(child, "close"))[0]).toBe(2);
    expect(output()).toContain(message);
    expect(output()).toContain("npm start -- [--port PORT] [--data DIR]");
  });

  it("explains itself", async () => {
    const { child, output } = start("--help");
    expect((await once(child, "close"))[0]).toBe(0);
    expect(output()).toContain("--data DIR");
  });

  it("takes another model", async () => {
    const directory = temporary();
    const { child, output } = start("--port", "0", "--data", directory, "--model", "nowhere.onnx");
    expect((await once(child, "close"))[0]).toBe(1);
    expect(output()).toContain(
      `Expected the path of an ONNX model for \`DDN_MODEL\` but received "${join(root, "nowhere.onnx")}"`,
    );
    rmSync(directory, { recursive: true });
  });

  it.each(["SIGINT", "SIGKILL"] as const)("leaves nothing running after %s", async (signal) => {
    const directory = temporary();
    const { child, output } = start("--port", "0", "--data", directory);
    await until(() => /^ddn ready http:\/\/127\.0\.0\.1:\d+$/m.test(output()) || child.exitCode !== null);
    const pids = childPids(child.pid);
    expect(pids.length).toBeGreaterThanOrEqual(3);
    child.kill(signal);
    const [code] = await once(child, "close");
    if (signal === "SIGINT") {
      expect(code).toBe(0);
      expect(pids.filter(isAlive)).toEqual([]);
    }
    await until(() => !pids.some(isAlive));
    rmSync(directory, { recursive: true });
  });
});
