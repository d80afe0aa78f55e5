// Does not prove that Docker builds the images; server/bundle.test.ts starts what the API server's one is made of.
import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { contextFiles } from "../components/buildContext";
import { ports } from "../components/ports";
import { readModel } from "./src/engines/metadata";
import { messages as protobufMessages, text } from "./src/engines/protobuf";
import { environment, nodeArguments } from "./src/processMemory";

const root = path.resolve(__dirname, "..");
const read = (name: string): string => readFileSync(path.join(root, name), "utf8");

/** Instructions with their lines joined, without comments. */
const instructions = (dockerfile: string): [string, string][] =>
  read(dockerfile)
    .replaceAll(/^#.*\n/gm, "")
    .replaceAll(/\\\n\s*/g, "")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => [line.slice(0, line.indexOf(" ")), line.slice(line.indexOf(" ") + 1)]);

const valuesOf = (dockerfile: string, keyword: string): string[] =>
  instructions(dockerfile).flatMap(([name, value]) => (name === keyword ? [value] : []));

describe.each([
  ["server/Dockerfile", ".", "10001:10001", ports.api],
  ["server/triton/Dockerfile", "server/triton", "1000:1000", ports.tritonHttp],
])("%s", (dockerfile, context, user, port) => {
  it("pins every base image to a version", () => {
    const [image = ""] = valuesOf(dockerfile, "ARG").flatMap((value) => /^TRITON=(.+)$/.exec(value)?.[1] ?? []);
    const bases = valuesOf(dockerfile, "FROM").map((value) =>
      value.replace(/ AS .*$/, "").replace(`\${TRITON}`, image),
    );
    expect(bases.length).toBe(2);
    for (const base of bases) expect(base).toMatch(/:\d+\.\d+(\.\d+)?-[a-z0-9-]+$/);
  });

  it("runs as a numbered user that is not root, and in the exec form, so that signals arrive", () => {
    const last = instructions(dockerfile).map(([name]) => name);
    expect(valuesOf(dockerfile, "USER")).toEqual([user]);
    expect(last.lastIndexOf("USER")).toBeGreaterThan(last.lastIndexOf("RUN"));
    expect(last.lastIndexOf("USER")).toBeGreaterThan(last.lastIndexOf("COPY"));
    expect(valuesOf(dockerfile, "CMD").map((value) => Array.isArray(JSON.parse(value)))).toEqual([true]);
    expect(valuesOf(dockerfile, "EXPOSE")[0].split(" ")).toContain(String(port));
  });

  it("copies only what its context holds", () => {
    const files = contextFiles(path.join(root, context));
    const copied = valuesOf(dockerfile, "COPY")
      .filter((value) => !value.startsWith("--from="))
      .flatMap((value) => value.replace(`\${MODEL_CONFIG}`, "config.pbtxt").split(" ").slice(0, -1));
    expect(copied.length).toBeGreaterThan(1);
    for (const source of copied) {
      expect(
        files.some((file) => file === source || file.startsWith(`${source}/`)),
        source,
      ).toBe(true);
    }
  });

  it("fetches nothing that no lock file or tag names", () => {
    expect(valuesOf(dockerfile, "ADD")).toEqual([]);
    for (const command of valuesOf(dockerfile, "RUN")) expect(command).not.toMatch(/curl|wget|apt|npm install|npx/);
  });
});

describe("the model repository in Triton's image", () => {
  it("says in its configuration which file it holds, so that the server can compare", async () => {
    const [command] = valuesOf("server/triton/Dockerfile", "RUN").filter((value) => value.includes("model_sha256"));
    const folder = mkdtempSync(path.join(tmpdir(), "ddn-models-"));
    const models = path.join(root, "server/triton/models");
    cpSync(models, folder, { recursive: true });
    execFileSync("sh", ["-c", command.replaceAll("/models", folder)]);
    const config = parseText(readFileSync(path.join(folder, "ddn/config.pbtxt"), "utf8"));
    rmSync(folder, { recursive: true });
    const { sha256 } = await readModel(path.join(models, "ddn/1/model.onnx"));
    expect(map(config, "parameters").model_sha256).toEqual([["string_value", sha256]]);
  });
});

it("the API server's image starts it as the twin does", () => {
  const [command] = valuesOf("server/Dockerfile", "CMD").map((value) => JSON.parse(value) as string[]);
  expect(command).toEqual(["node", ...nodeArguments, "--enable-source-maps", "main.js"]);
  expect(valuesOf("server/Dockerfile", "ENV")).toEqual(
    expect.arrayContaining(Object.entries(environment).map(([name, value]) => `${name}=${value}`)),
  );
  const { scripts } = JSON.parse(read("server/package.json"));
  expect(scripts.start).toBe(["node", ...nodeArguments, "--import tsx src/main.ts"].join(" "));
});

describe("Triton's command", () => {
  it("listens where the task expects it", () => {
    const [command] = valuesOf("server/triton/Dockerfile", "CMD").map((value) => JSON.parse(value) as string[]);
    expect(command).toEqual(
      expect.arrayContaining([`--http-port=${ports.tritonHttp}`, `--grpc-port=${ports.tritonGrpc}`]),
    );
  });
});

type Field = [name: string, value: string | Field[]];

/** Protobuf's text format as far as these files use it. Source: https://protobuf.dev/reference/protobuf/textformat-spec/ */
const parseText = (text: string): Field[] => {
  const tokens = text.replaceAll(/#.*$/gm, "").match(/"[^"]*"|[\w.-]+|[[\]{}:,]/g) ?? [];
  let at = 0;
  const accept = (token: string): boolean => tokens[at] === token && ++at > 0;
  const value = (): string | Field[] => {
    if (!accept("{")) return tokens[at++].replaceAll('"', "");
    const fields: Field[] = [];
    while (!accept("}")) fields.push(...field());
    return fields;
  };
  const field = (): Field[] => {
    const name = tokens[at++];
    if (name === undefined || !/^\w+$/.test(name)) throw new Error(`no field name: ${name}`);
    const colon = accept(":");
    if (!accept("[")) {
      if (!colon && tokens[at] !== "{") throw new Error(`no colon after ${name}`);
      return [[name, value()]];
    }
    const values: Field[] = [];
    while (!accept("]")) {
      values.push([name, value()]);
      if (tokens[at] !== "]" && !accept(",")) throw new Error(`no comma in ${name}`);
    }
    return values;
  };
  const fields: Field[] = [];
  while (at < tokens.length) fields.push(...field());
  return fields;
};

const all = (fields: string | Field[], name: string): (string | Field[])[] =>
  typeof fields === "string" ? [] : fields.flatMap(([key, value]) => (key === name ? [value] : []));
const messages = (fields: string | Field[], name: string) => all(fields, name) as Field[][];
const map = (fields: string | Field[], name: string): Record<string, string | Field[]> =>
  Object.fromEntries(all(fields, name).map((entry) => [String(all(entry, "key")[0]), all(entry, "value")[0]]));

const acceleratorsOf = (config: Field[]): Field[][] =>
  messages(config, "optimization")
    .flatMap((each) => messages(each, "execution_accelerators"))
    .flatMap((each) => messages(each, "gpu_execution_accelerator"));

/** The tensor that holds the image as numbers that TensorRT takes: what the node gives that reads `image`. */
const samplesTensor = (model: Buffer): string => {
  const [graph] = protobufMessages(model, 7);
  const readers = protobufMessages(graph, 1).filter((node) =>
    protobufMessages(node, 1).some((input) => input.toString() === "image"),
  );
  expect(readers.map((node) => text(node, 4))).toEqual(["Cast"]);
  return text(readers[0], 2);
};

describe.each(["config.pbtxt", "config.tensorrt.pbtxt"])("%s", (file) => {
  const config = parseText(read(`server/triton/models/ddn/${file}`));
  let tileSizes: readonly number[];
  beforeAll(async () => {
    ({ tileSizes } = await readModel(path.join(root, "server/triton/models/ddn/1/model.onnx")));
  });

  it("serves the contract's tensors in batches, heights and widths being free", () => {
    const tensors = (name: string) =>
      messages(config, name).map((tensor) => [
        all(tensor, "name")[0],
        all(tensor, "data_type")[0],
        all(tensor, "dims"),
      ]);
    expect(tensors("input")).toEqual([
      ["image", "TYPE_UINT16", ["1", "-1", "-1"]],
      ["params", "TYPE_FP32", ["4"]],
    ]);
    expect(tensors("output")).toEqual([["denoised", "TYPE_UINT16", ["1", "-1", "-1"]]]);
    expect([all(config, "name"), all(config, "backend"), all(config, "max_batch_size")]).toEqual([
      ["ddn"],
      ["onnxruntime"],
      ["4"],
    ]);
  });

  it("leaves batches to the server: Triton's own batcher may oversleep a request by half a second", () => {
    expect(messages(config, "dynamic_batching")).toEqual([]);
  });

  it("computes on the GPU", () => {
    expect(messages(config, "instance_group").map((group) => Object.fromEntries(group))).toEqual([
      { kind: "KIND_GPU", count: "1" },
    ]);
  });

  it("warms up with tiles that exist, the largest batch of the largest among them", () => {
    const samples = messages(config, "model_warmup").map((sample) => {
      const inputs = map(sample, "inputs") as Record<string, Field[]>;
      expect(all(inputs.params, "dims")).toEqual(["4"]);
      const [channels, height, width] = all(inputs.image, "dims").map(Number);
      expect([channels, height]).toEqual([1, width]);
      return [Number(all(sample, "batch_size")[0]), width];
    });
    const largest = tileSizes[tileSizes.length - 1];
    expect(samples).toEqual(
      file === "config.pbtxt"
        ? [[4, largest], ...tileSizes.map((size) => [1, size])]
        : [
            [1, tileSizes[0]],
            [4, largest],
          ],
    );
  });

  it("asks for TensorRT in its variant alone", () => {
    const names = acceleratorsOf(config).map((accelerator) => all(accelerator, "name")[0]);
    expect(names).toEqual(file === "config.pbtxt" ? [] : ["tensorrt"]);
  });
});

describe("config.tensorrt.pbtxt", () => {
  it("gives TensorRT the range of shapes of the model that is shipped", async () => {
    const config = parseText(read("server/triton/models/ddn/config.tensorrt.pbtxt"));
    const file = path.join(root, "server/triton/models/ddn/1/model.onnx");
    const { tileSizes } = await readModel(file);
    const [smallest, largest] = [tileSizes[0], tileSizes[tileSizes.length - 1]];
    const samples = samplesTensor(readFileSync(file));
    const shapes = (count: number, size: number) => `${samples}:${count}x1x${size}x${size},params:${count}x4`;
    const options = Object.fromEntries(
      messages(acceleratorsOf(config)[0], "parameters").map((entry) => [all(entry, "key")[0], all(entry, "value")[0]]),
    );
    expect(options).toEqual({
      precision_mode: "FP32",
      trt_profile_min_shapes: shapes(1, smallest),
      trt_profile_opt_shapes: shapes(1, largest),
      trt_profile_max_shapes: shapes(4, largest),
      max_workspace_size_bytes: "2147483648",
      trt_engine_cache_enable: "1",
      trt_engine_cache_path: "/var/cache/trt",
      trt_timing_cache_enable: "1",
      trt_timing_cache_path: "/var/cache/trt",
    });
  });
});
