import { readFile } from "node:fs/promises";
import { expected } from "../../contract/problem";
import type { AccessKey } from "../access";

/** The two buckets as the permission table names them. */
export type BucketRole = "in" | "out";

export const bucketRoles: readonly BucketRole[] = ["in", "out"];

export interface S3Config {
  /** On 127.0.0.1; 0 takes any free one. */
  readonly port: number;
  /** Where everything lies; belongs to one process at a time. */
  readonly directory: string;
  readonly region: string;
  /** The buckets' names. */
  readonly buckets: Readonly<Record<BucketRole, string>>;
  readonly keys: readonly AccessKey[];
  /** Origins whose pages may use presigned URLs; `*` allows all. */
  readonly corsOrigins: readonly string[];
  /** The bucket policy's `s3:signatureAge`: older signatures are denied. @default 3600000 */
  readonly maxSignatureAgeMs?: number;
}

export const defaultMaxSignatureAgeMs = 3_600_000;

const required: readonly (readonly [keyof S3Config, (value: unknown) => boolean, string])[] = [
  ["port", (value) => Number.isInteger(value), "a port number"],
  ["directory", (value) => typeof value === "string" && value !== "", "a folder"],
  ["region", (value) => typeof value === "string" && value !== "", "a region"],
  ["buckets", (value) => typeof value === "object" && value !== null, "the names of the buckets in and out"],
  ["keys", Array.isArray, "a list of access keys"],
  ["corsOrigins", Array.isArray, "a list of origins"],
];

/** Reads a configuration file that the twin wrote. */
export const readConfig = async (file: string): Promise<S3Config> => {
  const config: Record<string, unknown> = JSON.parse(await readFile(file, "utf8"));
  for (const [name, holds, what] of required) {
    if (!holds(config[name])) throw new Error(expected(what, name, config[name], `Correct it in ${file}.`));
  }
  return config as unknown as S3Config;
};
