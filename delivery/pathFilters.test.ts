// Does not prove how the services match a filter; their documentation says: the whole path, and a filter with ! wins.
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { projectRoot } from "../functions/testing/nativeProgram";
import { pathFilters } from "./pathFilters";

const filterPattern = (filter: string): RegExp =>
  new RegExp(
    `^${filter
      .replace(/[.+]/g, "\\$&")
      .replace(/\*\*\//g, "(.+/)?")
      .replace(/\*\*$/, ".+")
      .replace(/(^|[^+)])\*/g, "$1[^/]*")}$`,
  );

const deploys = (file: string, filters = pathFilters("dev")): boolean => {
  const matching = (list: readonly string[]): boolean => list.some((filter) => filterPattern(filter).test(file));
  const excluded = filters.filter((filter) => filter.startsWith("!")).map((filter) => filter.slice(1));
  return matching(filters.filter((filter) => !filter.startsWith("!"))) && !matching(excluded);
};

/** The file and all that it imports of the project, as paths from the root. */
const imported = (file: string, found = new Set<string>()): Set<string> => {
  if (found.has(file)) return found;
  found.add(file);
  const text = readFileSync(path.join(projectRoot, file), "utf8");
  for (const [, target] of text.matchAll(/from "(\.[^"]+)"/g)) {
    const base = path.join(path.dirname(file), target);
    const own = [base, `${base}.ts`].find((each) => existsSync(path.join(projectRoot, each)) && /\.\w+$/.test(each));
    if (own === undefined) throw new Error(`Expected a file for \`${target}\` of ${file}.`);
    imported(own, found);
  }
  return found;
};

describe("a change deploys", () => {
  it("when it is in a file that the program is made of", () => {
    const files = [...imported("index.ts")];
    expect(files.length).toBeGreaterThan(50);
    expect(files.filter((file) => !deploys(file))).toEqual([]);
  });

  it.each(["server/src/main.ts", "server/triton/models/ddn/1/model.onnx", "package-lock.json", "Pulumi.dev.yaml"])(
    "when it is in %s",
    (file) => expect(deploys(file)).toBe(true),
  );
});

describe("a change deploys nothing", () => {
  it.each([
    "README.md",
    "docs/unverified.md",
    "model/train.py",
    "bench/main.ts",
    "client/command.ts",
    "local/main.ts",
    "delivery/index.ts",
    "policy/rules.ts",
    "config.test.ts",
    "components/storage.test.ts",
    "components/testing/cloud.ts",
    "Pulumi.prod.yaml",
    ".github/workflows/deploy.yml",
  ])("when it is in %s", (file) => expect(deploys(file)).toBe(false));
});
