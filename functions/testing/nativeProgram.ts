import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";

/** Where package.json, Pulumi.yaml and node_modules lie together; Pulumi packs from there. */
export const projectRoot = path.resolve(__dirname, "../..");

const requireFromRoot = createRequire(path.join(projectRoot, "package.json"));

const register = (): NodeJS.Require => {
  const pulumi = path.dirname(requireFromRoot.resolve("@pulumi/pulumi/package.json"));
  const typescript = requireFromRoot("typescript") as typeof import("typescript");
  const tsconfig = path.join(projectRoot, "tsconfig.json");
  const { compilerOptions } = typescript.parseConfigFileTextToJson(tsconfig, readFileSync(tsconfig, "utf8")).config;
  const tsNode = requireFromRoot(path.join(pulumi, "vendor/ts-node@7.0.1")) as { register(options: unknown): void };
  tsNode.register({
    compiler: "typescript",
    transpileOnly: true,
    project: tsconfig,
    skipProject: false,
    // The defaults under ours are those of Pulumi's own start. Source: @pulumi/pulumi cmd/run/run.js
    compilerOptions: {
      target: "ES2020",
      module: "nodenext",
      moduleResolution: "nodenext",
      sourceMap: "true",
      ...compilerOptions,
      // TypeScript 6 wants it said when files are compiled one by one (TS5011); it changes no output.
      rootDir: projectRoot,
    },
  });
  return requireFromRoot;
};

let registered: NodeJS.Require | undefined;

/**
 * A `require` that loads the TypeScript of this project as `pulumi up` does: by Pulumi's vendored ts-node, as CommonJS.
 * Vite's transformed modules cannot be serialised (https://github.com/pulumi/pulumi/issues/10480), so a test that makes a
 * callback function loads the program by this, not by `import`. Paths are relative to the project's root.
 */
export const nativeRequire = (): NodeJS.Require => {
  registered ??= register();
  return registered;
};
