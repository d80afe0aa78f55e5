// Does not prove that Docker builds the images or that ECR takes them; server/dockerfiles.test.ts reads the Dockerfiles.
import * as pulumi from "@pulumi/pulumi";
import { describe, expect, it } from "vitest";
import { ImageRegistry, type ImageRegistryArgs } from "./imageRegistry";
import { repositoryLifecycle } from "./imageRepository";
import { recordGraph } from "./testing/graph";
import { countByType, inputsOf, ofType } from "./testing/query";

const keyArn = "arn:aws:kms:ap-northeast-2:123456789012:key/1";
const host = "123456789012.dkr.ecr.ap-northeast-2.amazonaws.com";
const digest = (character: string): string => `@sha256:${character.repeat(64)}`;
const dev: ImageRegistryArgs = { nameSuffix: "-dev", keepData: false };
const prod: ImageRegistryArgs = {
  nameSuffix: "",
  keyArn,
  apiImage: `${host}/deepdenoising-api${digest("a")}`,
  tritonImage: `${host}/deepdenoising-triton${digest("b")}`,
};

const record = (args: ImageRegistryArgs) =>
  recordGraph(() => {
    const { apiRepositoryUrl, tritonRepositoryUrl, apiImage, tritonImage } = new ImageRegistry("ddn", args);
    return { apiRepositoryUrl, tritonRepositoryUrl, apiImage, tritonImage };
  });

const repositoryType = "aws:ecr/repository:Repository";
const lifecycleType = "aws:ecr/lifecyclePolicy:LifecyclePolicy";
const imageType = "docker-build:index:Image";

describe("ImageRegistry", () => {
  it.each([
    ["dev", dev, "-dev", { encryptionType: "AES256" }, true],
    ["prod", prod, "", { encryptionType: "KMS", kmsKey: keyArn }, false],
  ] as const)(
    "has both repositories of %s under their fixed names",
    async (_, args, suffix, encryption, forceDelete) => {
      const graph = await record(args);
      const repository = (name: string) => ({
        name: `${name}${suffix}`,
        imageTagMutability: "IMMUTABLE",
        imageScanningConfiguration: { scanOnPush: true },
        encryptionConfigurations: [encryption],
        forceDelete,
      });
      expect(inputsOf(graph, repositoryType)).toEqual({
        "deepdenoising-api": repository("deepdenoising-api"),
        "deepdenoising-triton": repository("deepdenoising-triton"),
      });
      for (const each of Object.values(ofType(graph, repositoryType))) {
        expect([each.protect, each.deleteBeforeReplace]).toEqual([!forceDelete, true]);
      }
      expect(graph.outputs).toMatchObject({
        apiRepositoryUrl: `${host}/deepdenoising-api${suffix}`,
        tritonRepositoryUrl: `${host}/deepdenoising-triton${suffix}`,
      });
    },
  );

  it("forgets images without a tag after a week, and keeps twenty", async () => {
    const graph = await record(dev);
    expect(Object.values(inputsOf(graph, lifecycleType))).toEqual([
      { repository: "deepdenoising-api-dev", policy: JSON.stringify(repositoryLifecycle) },
      { repository: "deepdenoising-triton-dev", policy: JSON.stringify(repositoryLifecycle) },
    ]);
    expect(repositoryLifecycle.rules.map(({ rulePriority, selection }) => [rulePriority, selection])).toEqual([
      [1, { tagStatus: "untagged", countType: "sinceImagePushed", countUnit: "days", countNumber: 7 }],
      [2, { tagStatus: "any", countType: "imageCountMoreThan", countNumber: 20 }],
    ]);
  });

  it("builds nothing where images are given by digest", async () => {
    const graph = await record(prod);
    expect(countByType(graph)).toEqual({ [repositoryType]: 2, [lifecycleType]: 2 });
    expect(graph.outputs).toMatchObject({ apiImage: prod.apiImage, tritonImage: prod.tritonImage });
  });

  it("builds what is not given, in up and not in preview, with a secret password, and names it by digest", async () => {
    const graph = await record(dev);
    const image = (context: string, dockerfile: string, repository: string, buildArgs: Record<string, string>) => ({
      context: { location: context },
      dockerfile: { location: dockerfile },
      buildArgs,
      platforms: ["linux/amd64"],
      tags: [expect.stringMatching(new RegExp(`^${host}/${repository}:[0-9a-f]{16}$`))],
      push: true,
      buildOnPreview: false,
      network: "default",
      // The form in which a secret goes to the engine.
      registries: expect.objectContaining({
        value: [{ address: `${host}/${repository}`, username: "AWS", password: "none" }],
      }),
    });
    expect(inputsOf(graph, imageType)).toEqual({
      "ddn-api": image(".", "server/Dockerfile", "deepdenoising-api-dev", {}),
      "ddn-triton": image("server/triton", "server/triton/Dockerfile", "deepdenoising-triton-dev", {
        MODEL_CONFIG: "config.pbtxt",
      }),
    });
    expect(graph.outputs.apiImage).toMatch(new RegExp(`^${host}/deepdenoising-api-dev@sha256:[0-9a-f]{64}$`));
    expect(graph.outputs.tritonImage).toMatch(new RegExp(`^${host}/deepdenoising-triton-dev@sha256:[0-9a-f]{64}$`));
    // An image given by digest afterwards may be the very one that was built.
    expect(Object.values(ofType(graph, imageType)).map(({ retainOnDelete }) => retainOnDelete)).toEqual([true, true]);
  });

  it("builds one image alone where the other is given", async () => {
    const graph = await record({ ...dev, tritonImage: prod.tritonImage });
    expect(Object.keys(ofType(graph, imageType))).toEqual(["ddn-api"]);
    expect(graph.outputs.tritonImage).toBe(prod.tritonImage);
  });

  it("gives the TensorRT variant another tag, as it is another image", async () => {
    const plain = inputsOf(await record(dev), imageType);
    const variant = inputsOf(await record({ ...dev, tensorRt: true }), imageType);
    expect(variant["ddn-triton"].buildArgs).toEqual({ MODEL_CONFIG: "config.tensorrt.pbtxt" });
    expect(variant["ddn-triton"].tags).not.toEqual(plain["ddn-triton"].tags);
    expect(variant["ddn-api"]).toEqual(plain["ddn-api"]);
  });

  it("makes nothing public and nothing without a parent", async () => {
    const { resources } = await record(dev);
    const [stack, component, ...children] = resources;
    expect([stack.type, component.type]).toEqual(["pulumi:pulumi:Stack", "ddn:index:ImageRegistry"]);
    for (const { parent } of children) expect(parent).toBe(component.urn);
    expect(children.filter(({ type }) => /RepositoryPolicy|Public/.test(type))).toEqual([]);
  });

  it.each<[Partial<ImageRegistryArgs>, string]>([
    [{ apiImage: "deepdenoising-api:1.0" }, '`apiImage` but received "deepdenoising-api:1.0"'],
    [{ apiImage: "deepdenoising-api@sha256:abc" }, '`apiImage` but received "deepdenoising-api@sha256:abc"'],
    [{ tritonImage: "" }, '`tritonImage` but received ""'],
  ])("refuses %j", async (args, what) => {
    await pulumi.runtime.setMocks({ newResource: ({ name }) => ({ id: name, state: {} }), call: () => ({}) });
    const message = `Expected an image by digest (…@sha256:…) for ${what}. A tag may move; leave it out to build the image.`;
    expect(() => new ImageRegistry("ddn", { ...dev, ...args })).toThrow(expect.objectContaining({ message }));
    await pulumi.runtime.disconnect();
  });
});
