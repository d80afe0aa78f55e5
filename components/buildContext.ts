import { createHash } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import path from "node:path";
import { expected } from "../contract/problem";

/** A name pattern without slashes, in which `*` stands for any characters. */
const namePattern = (pattern: string): RegExp =>
  new RegExp(`^${pattern.replaceAll(/[.+?^${}()|[\]\\]/g, "\\$&").replaceAll("*", ".*")}$`);

const filesBelow = (root: string, relative: string): string[] => {
  if (!statSync(path.join(root, relative)).isDirectory()) return [relative];
  return readdirSync(path.join(root, relative)).flatMap((name) => filesBelow(root, `${relative}/${name}`));
};

/**
 * The files of a Docker build context, sorted, as its .dockerignore lists them: first all is shut out, then `!path` lets a
 * file or folder in, then a name after two stars and a slash stays out at any depth.
 * @throws Error for a .dockerignore of another form, or one that names what is not there
 */
export const contextFiles = (context: string): string[] => {
  const file = path.join(context, ".dockerignore");
  const lines = readFileSync(file, "utf8").split("\n");
  const [first, ...patterns] = lines.filter((line) => line !== "" && !line.startsWith("#"));
  const stranger = first === "*" ? patterns.find((line) => !/^(!|\*\*\/[^/]+$)/.test(line)) : (first ?? "");
  if (stranger !== undefined) throw new Error(expected("*, !path and **/name alone", file, stranger));
  const keptOut = patterns.filter((line) => line.startsWith("**/")).map((line) => namePattern(line.slice(3)));
  return patterns
    .filter((line) => line.startsWith("!"))
    .flatMap((line) => filesBelow(context, line.slice(1)))
    .filter((name) => !name.split("/").some((part) => keptOut.some((pattern) => pattern.test(part))))
    .sort();
};

/**
 * A tag that is the same for the same image only: a hash of every file's name, mode and content, and of whatever else
 * decides what is built. docker-build rebuilds on a changed mode, too, hence it counts.
 */
export const contentTag = (context: string, ...more: readonly string[]): string => {
  const hash = createHash("sha256");
  for (const name of contextFiles(context)) {
    const file = path.join(context, name);
    const content = createHash("sha256").update(readFileSync(file)).digest("hex");
    hash.update(`${name}\n${(statSync(file).mode & 0o777).toString(8)}\n${content}\n`);
  }
  hash.update(JSON.stringify(more));
  return hash.digest("hex").slice(0, 16);
};
