import { randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { permissions, type Role } from "../contract/permissions";
import { expected } from "../contract/problem";
import type { AccessKey, TwinRole } from "./access";

/** What tools and tests read from `DIR/twin.json` while a twin serves; the keys are the operator's. */
export interface TwinDescription {
  readonly gateway: string;
  readonly server: string;
  readonly s3: {
    readonly endpoint: string;
    readonly region: string;
    readonly accessKeyId: string;
    readonly secretAccessKey: string;
    readonly inBucket: string;
    readonly outBucket: string;
  };
  readonly sqs: { readonly endpoint: string; readonly queueUrl: string };
}

/** A folder that belongs to one twin at a time. */
export interface TwinDirectory {
  path(...parts: string[]): string;
  /** One key pair per role, made once. */
  readonly keys: readonly AccessKey[];
  /** Writes a file that only its owner may read, and gives its path. */
  writeSecret(name: string, value: unknown): string;
  remove(name: string): void;
  release(): void;
}

const roles: readonly TwinRole[] = ["operator", ...(Object.keys(permissions) as Role[])];
const base32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

const newKey = (role: TwinRole): AccessKey => ({
  role,
  accessKeyId: `AKIA${Array.from(randomBytes(16), (byte) => base32[byte % 32]).join("")}`,
  secretAccessKey: randomBytes(30).toString("base64"),
});

const hasCode = (error: unknown, code: string): boolean =>
  error instanceof Error && "code" in error && error.code === code;

const readIfThere = (file: string): string | undefined => {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    if (hasCode(error, "ENOENT")) return undefined;
    throw error;
  }
};

const isRunning = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return hasCode(error, "EPERM");
  }
};

const held = new Set<string>();

const lock = (file: string, directory: string): void => {
  try {
    writeFileSync(file, String(process.pid), { flag: "wx" });
  } catch (error) {
    if (!hasCode(error, "EEXIST")) throw error;
    const pid = Number(readIfThere(file));
    // In a container each start may get the same process id: a lock of ours that we do not hold is a stale one.
    if (pid > 0 && (pid === process.pid ? held.has(file) : isRunning(pid))) {
      throw new Error(
        expected(
          "a folder that no other twin uses",
          "--data",
          directory,
          `Process ${pid} uses it: stop that, or give another folder. Remove ${file} if that process is something else.`,
        ),
      );
    }
    rmSync(file, { force: true });
    writeFileSync(file, String(process.pid), { flag: "wx" });
  }
  held.add(file);
};

const readKeys = (file: string): readonly AccessKey[] => {
  const text = readIfThere(file);
  return text === undefined ? [] : (JSON.parse(text) as AccessKey[]);
};

/**
 * Takes a folder for a twin, made when it is not there.
 * @throws Error when another twin uses it
 */
export const openTwinDirectory = (directory: string): TwinDirectory => {
  const path = (...parts: string[]): string => join(directory, ...parts);
  mkdirSync(path("logs"), { recursive: true, mode: 0o700 });
  const lockFile = path("twin.lock");
  lock(lockFile, directory);
  const writeSecret = (name: string, value: unknown): string => {
    // A mode given to an existing file would not be taken.
    rmSync(path(name), { force: true });
    writeFileSync(path(name), `${JSON.stringify(value, null, 2)}\n`, { mode: 0o600 });
    return path(name);
  };
  const known = readKeys(path("keys.json"));
  const keys = roles.map((role) => known.find((key) => key.role === role) ?? newKey(role));
  writeSecret("keys.json", keys);
  return {
    path,
    keys,
    writeSecret,
    remove: (name) => rmSync(path(name), { force: true }),
    release: () => {
      rmSync(lockFile, { force: true });
      held.delete(lockFile);
    },
  };
};
