import { mkdir, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

const folderName = /^DDN_(\d+)$/;

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
};

/** An empty folder of this process alone; what processes that are gone left behind is removed. */
export const claimTemporaryFolder = async (parent = tmpdir()): Promise<string> => {
  for (const name of await readdir(parent)) {
    const pid = Number(folderName.exec(name)?.[1] ?? Number.NaN);
    // In a container every process is number 1, so that a folder of our own number is a predecessor's.
    if (pid === process.pid || (pid > 0 && !isAlive(pid))) {
      await rm(join(parent, name), { recursive: true, force: true }).catch(() => {});
    }
  }
  const folder = join(parent, `DDN_${process.pid}`);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  return folder;
};
