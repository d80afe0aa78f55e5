import { cp, readFile } from "node:fs/promises";
import path from "node:path";
import { build } from "esbuild";

/**
 * `node --import tsx server/bundle.ts FOLDER` writes all that the API server needs to run: itself, bundled, the packages
 * that cannot be, and the model, whose metadata Triton does not tell. server/Dockerfile makes its image of it.
 * onnxruntime-node stays out: beside Triton its 200 MB would never be used.
 */

interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

/** Has native libraries, which lie in packages of their own. */
const unbundled = ["sharp"];
const leftOut = ["onnxruntime-node"];
const model = "triton/models/ddn/1/model.onnx";

const manifestOf = (folder: string): Promise<Manifest | undefined> =>
  readFile(path.join(folder, "package.json"), "utf8").then(JSON.parse, () => undefined);

/** Where Node would find a package from a folder; undefined for an optional one of another platform. */
const locate = async (name: string, from: string): Promise<string | undefined> => {
  const folder = path.join(from, "node_modules", name);
  if ((await manifestOf(folder)) !== undefined) return folder;
  const parent = path.dirname(from);
  return parent === from ? undefined : locate(name, parent);
};

/** Copies a package and all that it depends on, each to where Node finds it from there. */
const copyPackage = async (name: string, from: string, target: string): Promise<void> => {
  const folder = await locate(name, from);
  if (folder === undefined) throw new Error(`Expected the package ${name} but there is none. Run npm ci.`);
  await cp(folder, path.join(target, folder.slice(folder.indexOf("node_modules"))), { recursive: true });
  const { dependencies = {}, optionalDependencies = {} } = (await manifestOf(folder)) ?? {};
  for (const each of Object.keys(dependencies)) await copyPackage(each, folder, target);
  for (const each of Object.keys(optionalDependencies)) {
    if ((await locate(each, folder)) !== undefined) await copyPackage(each, folder, target);
  }
};

const main = async (target: string | undefined): Promise<void> => {
  if (target === undefined) throw new Error("Expected a folder to write to: node --import tsx server/bundle.ts FOLDER");
  await build({
    absWorkingDir: __dirname,
    // The threads are programs of their own, beside the one that starts them.
    entryPoints: ["src/main.ts", "src/engineThreadMain.ts", "src/imagingThreadMain.ts"],
    outdir: path.resolve(target),
    bundle: true,
    platform: "node",
    target: "node20",
    format: "cjs",
    external: [...unbundled, ...leftOut],
    sourcemap: true,
    sourcesContent: false,
    legalComments: "linked",
    logLevel: "warning",
  });
  for (const name of unbundled) await copyPackage(name, __dirname, path.resolve(target));
  await cp(path.join(__dirname, model), path.join(path.resolve(target), path.basename(model)));
};

main(process.argv[2]).catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
