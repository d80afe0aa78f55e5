import { readdir, realpath, stat } from "node:fs/promises";
import { basename, join, relative, resolve, sep } from "node:path";
import { expected } from "../contract/problem";
import { DdnError } from "./error";

/** One image to denoise. */
export interface InputImage {
  /** Absolute. */
  readonly path: string;
  /** Path below the folder that was given, parted by `/`; the name alone for a file given itself. */
  readonly name: string;
}

export interface Failure {
  readonly name: string;
  readonly error: DdnError;
}

export interface FoundImages {
  readonly images: readonly InputImage[];
  readonly failures: readonly Failure[];
}

const imageName = /\.(tiff?|png)$/i;

/** An error of the file system in our words. */
export const errorOfFile = (what: string, path: string, cause: unknown): DdnError => {
  if (cause instanceof DdnError) return cause;
  const errno =
    cause instanceof Error && "code" in cause && typeof cause.code === "string" ? cause.code : String(cause);
  const remedies: Readonly<Record<string, string>> = {
    ENOENT: "There is nothing at this path.",
    EACCES: "Check its permissions.",
    EPERM: "Check its permissions.",
    ENOSPC: "The disk is full.",
    EROFS: "The file system is read-only.",
  };
  const code = errno === "ENOENT" ? "file_not_found" : "file_failed";
  return new DdnError(0, code, `Expected ${what} at ${path} but met ${errno}. ${remedies[errno] ?? ""}`.trimEnd());
};

const isBelow = (path: string, folder: string): boolean =>
  path.startsWith(folder.endsWith(sep) ? folder : folder + sep);

/** Images below a folder, in the order of their names; hidden files stay out (macOS leaves a `._` twin beside each image). */
async function* imagesBelow(
  folder: string,
  except: string,
  onFailure: (failure: Failure) => void,
): AsyncGenerator<string> {
  let entries: string[];
  try {
    entries = (await readdir(folder)).sort();
  } catch (cause) {
    onFailure({ name: folder, error: errorOfFile("a readable folder", folder, cause) });
    return;
  }
  for (const entry of entries.filter((name) => !name.startsWith("."))) {
    const path = join(folder, entry);
    if (path === except) continue;
    const link = await stat(path).catch(() => undefined);
    if (link?.isDirectory()) yield* imagesBelow(path, except, onFailure);
    else if (imageName.test(entry)) yield path;
  }
}

/**
 * The images that the paths name: files, and folders with all below them, the output folder left out.
 * What cannot be used comes back as a failure, so that the rest goes on.
 */
export const findImages = async (paths: readonly string[], outFolder: string): Promise<FoundImages> => {
  const images = new Map<string, InputImage>();
  const failures: Failure[] = [];
  const add = (path: string, name: string) => images.set(`${path}\n${name}`, { path, name });
  const fail = (name: string, code: string, detail: string) =>
    failures.push({ name, error: new DdnError(0, code, detail) });

  for (const given of paths) {
    const path = resolve(given);
    let isFolder: boolean;
    try {
      isFolder = (await stat(path)).isDirectory();
    } catch (cause) {
      failures.push({ name: given, error: errorOfFile("a file or folder", given, cause) });
      continue;
    }
    if (!isFolder) {
      if (imageName.test(path)) add(path, basename(path));
      else fail(given, "file_invalid", expected("a name ending in .tif, .tiff or .png", "PATH", given));
      continue;
    }
    const before = images.size + failures.length;
    const except = isBelow(outFolder, path) ? outFolder : "";
    for await (const image of imagesBelow(path, except, (failure) => failures.push(failure))) {
      add(image, relative(path, image).split(sep).join("/"));
    }
    if (images.size + failures.length === before) {
      fail(given, "folder_empty", `Expected images in ${given} but found no .tif, .tiff or .png there or below.`);
    }
  }
  return { images: [...images.values()], failures };
};

/** Why these images cannot be written into one folder without losing some, or undefined when they can. */
export const outputConflict = async (images: readonly InputImage[], outFolder: string): Promise<string | undefined> => {
  const foldsCase = process.platform === "darwin" || process.platform === "win32";
  const identity = (path: string) => (foldsCase ? path.normalize("NFC").toLowerCase() : path.normalize("NFC"));
  const out = await realpath(outFolder).catch(() => outFolder);
  const inputs = new Set<string>();
  for (const { path } of images) inputs.add(identity(await realpath(path).catch(() => path)));

  const writers = new Map<string, InputImage>();
  for (const image of images) {
    const output = identity(join(out, image.name));
    if (inputs.has(output)) {
      return `Expected an output folder that keeps the inputs but ${image.path} would be overwritten. Give another folder to --out.`;
    }
    const other = writers.get(output);
    if (other !== undefined) {
      return `Expected one input for each output but ${other.path} and ${image.path} would both write ${image.name}. Give the folder that holds both, or run them with an --out each.`;
    }
    writers.set(output, image);
  }
  return undefined;
};
