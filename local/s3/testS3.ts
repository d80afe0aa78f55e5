import { mkdtemp, rm } from "node:fs/promises";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { S3Client, type S3ClientConfig } from "@aws-sdk/client-s3";
import type { AccessKey, TwinRole } from "../access";
import type { S3Config } from "./config";
import { startS3 } from "./server";

const roles: readonly TwinRole[] = ["operator", "presign", "jobs", "ping", "worker"];

export const testKeys: readonly AccessKey[] = roles.map((role) => ({
  accessKeyId: `AKIA${role.toUpperCase()}`,
  secretAccessKey: `secret of ${role}`,
  role,
}));

export const testConfig = (directory: string): S3Config => ({
  port: 0,
  directory,
  region: "ap-northeast-2",
  buckets: { in: "test-in", out: "test-out" },
  keys: testKeys,
  corsOrigins: ["https://console.example"],
});

export const temporaryDirectory = (): Promise<string> => mkdtemp(join(tmpdir(), "ddn-s3-"));

/** AWS's own client, signing as one of the roles. */
export const clientOf = (url: string, role: TwinRole, config: S3ClientConfig = {}): S3Client => {
  const credentials = testKeys.find((key) => key.role === role);
  if (credentials === undefined) throw new Error(`no key for ${role}`);
  const region = "ap-northeast-2";
  return new S3Client({ endpoint: url, region, credentials, forcePathStyle: true, maxAttempts: 1, ...config });
};

/** A store of its own in a folder of its own. */
export const startTestS3 = async (changed: Partial<S3Config> = {}) => {
  const directory = await temporaryDirectory();
  const running = await startS3({ ...testConfig(directory), ...changed });
  return {
    url: running.url,
    directory,
    client: (role: TwinRole = "operator", config?: S3ClientConfig) => clientOf(running.url, role, config),
    close: async (): Promise<void> => {
      await running.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
};

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
  /** The code in an error's XML. */
  readonly code: string | undefined;
}

/** Sends exactly what it is given, path and length included, which `fetch` would correct. */
export const send = (
  url: string,
  method: string,
  body: string | Uint8Array = "",
  headers: Readonly<Record<string, string | number>> = {},
): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const [, origin, path] = /^(http:\/\/[^/]+)(.*)$/.exec(url) ?? [];
    const { hostname, port } = new URL(origin);
    const length = method === "PUT" || method === "POST" ? { "content-length": Buffer.byteLength(body) } : {};
    const sent = request(
      { hostname, port, path, method, headers: { ...length, ...headers }, agent: false },
      (answer) => {
        const pieces: Buffer[] = [];
        answer.on("data", (piece: Buffer) => pieces.push(piece));
        answer.on("error", reject);
        answer.on("end", () => {
          const text = Buffer.concat(pieces).toString();
          resolve({
            status: answer.statusCode ?? 0,
            headers: answer.headers as Record<string, string>,
            text,
            code: /<Code>([^<]*)</.exec(text)?.[1],
          });
        });
      },
    );
    sent.on("error", reject);
    sent.end(body);
  });

/** How a refused call of AWS's client reads: `403 AccessDenied`. */
export const refusal = async (call: Promise<unknown>): Promise<string> => {
  try {
    await call;
    return "no refusal";
  } catch (error) {
    const { name, $metadata } = error as { name: string; $metadata?: { httpStatusCode?: number } };
    return `${$metadata?.httpStatusCode} ${name}`;
  }
};
