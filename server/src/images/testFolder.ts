import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";

/** For tests: a folder that goes away after the file's last test. */
export const testFolder = () => {
  const folder = mkdtempSync(join(tmpdir(), "ddn-images-"));
  let files = 0;
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const path = (): string => {
    files += 1;
    return join(folder, `${files}.image`);
  };
  const save = (bytes: Uint8Array | string): string => {
    const saved = path();
    writeFileSync(saved, bytes);
    return saved;
  };
  return { path, save };
};
