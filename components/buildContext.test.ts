// Does not prove that Docker reads .dockerignore alike: only the forms that both read the same way are taken.
import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { contentTag, contextFiles } from "./buildContext";

const root = path.resolve(__dirname, "..");

let context: string;
const write = async (name: string, content: string): Promise<void> => {
  await mkdir(path.dirname(path.join(context, name)), { recursive: true });
  await writeFile(path.join(context, name), content);
};
beforeEach(async () => {
  context = await mkdtemp(path.join(tmpdir(), "ddn-context-"));
  await write(".dockerignore", "# a comment\n*\n!main.ts\n!src\n\n**/*.test.ts\n**/testing\n");
  await write("main.ts", "main");
  await write("secret.txt", "secret");
  await write("src/app.ts", "app");
  await write("src/app.test.ts", "test");
  await write("src/appXtest.ts", "no test");
  await write("src/deep/testing/world.ts", "world");
});
afterEach(() => rm(context, { recursive: true }));

describe("contextFiles", () => {
  it("lists what is let in and not kept out", () => {
    expect(contextFiles(context)).toEqual(["main.ts", "src/app.ts", "src/appXtest.ts"]);
  });

  it.each([
    ["!main.ts\n", "!main.ts"],
    ["*\n!src\nnode_modules\n", "node_modules"],
    ["*\n!src\n**/a/b\n", "**/a/b"],
    ["", ""],
  ])("refuses a .dockerignore that reads %j", async (text, stranger) => {
    await write(".dockerignore", text);
    const file = path.join(context, ".dockerignore");
    expect(() => contextFiles(context)).toThrow(
      expect.objectContaining({
        message: `Expected *, !path and **/name alone for \`${file}\` but received ${JSON.stringify(stranger)}.`,
      }),
    );
  });

  it("fails on a name that is not there, as a COPY of it would", async () => {
    await write(".dockerignore", "*\n!gone.ts\n");
    expect(() => contextFiles(context)).toThrow(/ENOENT.*gone\.ts/);
  });

  it("lets neither tests, secrets nor packages into the API image", () => {
    const files = contextFiles(root);
    expect(files).toEqual(expect.arrayContaining(["package-lock.json", "contract/job.ts", "server/src/main.ts"]));
    expect(
      files.filter((name) => !/^(\.npmrc|package(-lock)?\.json|tsconfig\.json|contract\/|server\/)/.test(name)),
    ).toEqual([]);
    expect(files.filter((name) => /test\.ts$|\/testing\/|node_modules|Pulumi/.test(name))).toEqual([]);
    // Triton tells nothing of a model's metadata: the server reads it from the file.
    expect(files.filter((name) => name.endsWith(".onnx"))).toEqual(["server/triton/models/ddn/1/model.onnx"]);
  });

  it("lets the model and its two configurations into the Triton image", () => {
    expect(contextFiles(path.join(root, "server/triton"))).toEqual([
      "models/ddn/1/model.onnx",
      "models/ddn/config.pbtxt",
      "models/ddn/config.tensorrt.pbtxt",
    ]);
  });
});

describe("contentTag", () => {
  it("is the same for the same content, whatever lies beside it", async () => {
    const tag = contentTag(context, "FROM scratch");
    expect(tag).toMatch(/^[0-9a-f]{16}$/);
    await write("secret.txt", "other");
    await write("src/app.test.ts", "other");
    expect(contentTag(context, "FROM scratch")).toBe(tag);
  });

  it.each<[string, () => Promise<void>, string]>([
    ["content", () => write("src/app.ts", "App"), "FROM scratch"],
    ["new file", () => write("src/more.ts", ""), "FROM scratch"],
    ["mode", () => chmod(path.join(context, "main.ts"), 0o755), "FROM scratch"],
    ["Dockerfile", async () => {}, "FROM other"],
  ])("differs for another %s", async (_, change, dockerfile) => {
    const tag = contentTag(context, "FROM scratch");
    await change();
    expect(contentTag(context, dockerfile)).not.toBe(tag);
  });
});
