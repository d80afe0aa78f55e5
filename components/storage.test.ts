// Does not prove that S3 takes these settings, nor when its daily lifecycle run comes round.
import * as pulumi from "@pulumi/pulumi";
import { describe, expect, it } from "vitest";
import { jobKey, serviceKey } from "../contract/job";
import { inLifecycle, type LifecycleRule, logLifecycle, outLifecycle } from "./bucketLifecycle";
import { bucketPolicy } from "./bucketPolicy";
import { Storage, type StorageArgs } from "./storage";
import { accountId } from "./testing/cloud";
import { recordGraph } from "./testing/graph";
import { countByType, inputsOf, ofType, waitsFor } from "./testing/query";

const keyArn = "arn:aws:kms:ap-northeast-2:123456789012:key/1";
const dev: StorageArgs = {
  inRetentionDays: 30,
  outRetentionDays: 90,
  corsOrigins: ["http://localhost:8080"],
  keepData: false,
  accessLogs: false,
};
const prod: StorageArgs = { keyArn, accessLogs: true, logRetentionDays: 365 };

const record = (args: StorageArgs) =>
  recordGraph(() => {
    const { inBucketName, inBucketArn, outBucketName, outBucketArn } = new Storage("ddn", args);
    return { inBucketName, inBucketArn, outBucketName, outBucketArn };
  });

const bucketType = "aws:s3/bucket:Bucket";
const publicAccessType = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock";
const ownershipType = "aws:s3/bucketOwnershipControls:BucketOwnershipControls";
const encryptionType = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration";
const versioningType = "aws:s3/bucketVersioning:BucketVersioning";
const lifecycleType = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration";
const policyType = "aws:s3/bucketPolicy:BucketPolicy";
const corsType = "aws:s3/bucketCorsConfiguration:BucketCorsConfiguration";
const loggingType = "aws:s3/bucketLogging:BucketLogging";

const everywhere = [publicAccessType, ownershipType, encryptionType, versioningType, lifecycleType, policyType];
const counts = (buckets: number): Record<string, number> =>
  Object.fromEntries([bucketType, ...everywhere].map((type) => [type, buckets]));

/** What a set of rules does to one key, the shorter term holding where several apply. */
const fate = (rules: readonly LifecycleRule[], key: string) => {
  const found = rules.filter(({ filter }) => key.startsWith((filter as { prefix?: string }).prefix ?? ""));
  const shortest = (days: (number | undefined)[]) => Math.min(...days.filter((each) => each !== undefined));
  const read = (rule: LifecycleRule) => rule as unknown as Record<string, Record<string, number | boolean> | undefined>;
  return {
    expires: shortest(found.map((rule) => read(rule).expiration?.days as number | undefined)),
    noncurrent: shortest(
      found.map((rule) => read(rule).noncurrentVersionExpiration?.noncurrentDays as number | undefined),
    ),
    unfinished: shortest(
      found.map((rule) => read(rule).abortIncompleteMultipartUpload?.daysAfterInitiation as number | undefined),
    ),
    deleteMarkers: found.some((rule) => read(rule).expiration?.expiredObjectDeleteMarker === true),
  };
};

describe("lifecycle", () => {
  it.each([
    ["an upload", inLifecycle(30), "bolt.tif", 30, 7],
    ["a result", outLifecycle(90), "bolt.tif", 90, 7],
    ["a job record", outLifecycle(90), jobKey("a".repeat(26)), 90, 1],
    ["a server's record", outLifecycle(90), serviceKey("api-1"), 1, 1],
    ["an access log", logLifecycle(365), "ddn-in-bucket/2026-11-23", 365, 7],
  ])("ends %s, its old versions, its marker and its unfinished parts", (_, rules, key, expires, noncurrent) => {
    expect(fate(rules, key)).toEqual({ expires, noncurrent, unfinished: 1, deleteMarkers: true });
  });

  it("never asks one rule for both days and markers, which S3 refuses, and names each rule once", () => {
    for (const rules of [inLifecycle(30), outLifecycle(90), logLifecycle(365)]) {
      expect(new Set(rules.map(({ id }) => id)).size).toBe(rules.length);
      for (const { status, expiration } of rules) {
        expect(status).toBe("Enabled");
        expect(Object.keys(expiration ?? {}).length).toBeLessThanOrEqual(1);
      }
    }
  });
});

describe("bucketPolicy", () => {
  const arn = "arn:aws:s3:::ddn-in-bucket-1";
  it.each([
    ["plain HTTP", "OnlyTls", { Bool: { "aws:SecureTransport": "false" } }],
    ["TLS before 1.2", "OnlyNewTls", { NumericLessThan: { "s3:TlsVersion": "1.2" } }],
    ["signatures older than an hour", "OnlyFreshSignatures", { NumericGreaterThan: { "s3:signatureAge": "3600000" } }],
  ])("denies %s to everybody, on the bucket and all in it", (_, sid, condition) => {
    expect(bucketPolicy(arn).Statement).toContainEqual({
      Sid: sid,
      Effect: "Deny",
      Principal: "*",
      Action: "s3:*",
      Resource: [arn, `${arn}/*`],
      Condition: condition,
    });
  });

  it("allows nobody anything", () => {
    expect(bucketPolicy(arn).Statement).toHaveLength(3);
  });

  it("lets S3 write the access logs of the buckets that are named, and no more", () => {
    const bucketArns = ["arn:aws:s3:::ddn-in-bucket-1", "arn:aws:s3:::ddn-out-bucket-1"];
    const logArn = "arn:aws:s3:::ddn-log-bucket-1";
    const statements = bucketPolicy(logArn, { bucketArns, accountId }).Statement;
    expect(statements).toHaveLength(4);
    expect(statements).toContainEqual({
      Sid: "AccessLogs",
      Effect: "Allow",
      Principal: { Service: "logging.s3.amazonaws.com" },
      Action: "s3:PutObject",
      Resource: `${logArn}/*`,
      Condition: {
        ArnEquals: { "aws:SourceArn": bucketArns },
        StringEquals: { "aws:SourceAccount": accountId },
      },
    });
  });
});

describe("Storage", () => {
  it("is two buckets in dev, which go with all that is in them", async () => {
    const graph = await record(dev);
    expect(countByType(graph)).toEqual({ ...counts(2), [corsType]: 2 });
    expect(inputsOf(graph, bucketType)).toEqual({
      "ddn-in-bucket": { forceDestroy: true },
      "ddn-out-bucket": { forceDestroy: true },
    });
    expect(Object.values(ofType(graph, bucketType)).map(({ protect }) => protect)).toEqual([false, false]);
    expect(graph.outputs).toEqual({
      inBucketName: expect.stringMatching(/^ddn-in-bucket-[0-9a-f]{7}$/),
      inBucketArn: `arn:aws:s3:::${graph.outputs.inBucketName}`,
      outBucketName: expect.stringMatching(/^ddn-out-bucket-[0-9a-f]{7}$/),
      outBucketArn: `arn:aws:s3:::${graph.outputs.outBucketName}`,
    });
  });

  it("is three buckets in prod, which are kept", async () => {
    const graph = await record(prod);
    expect(countByType(graph)).toEqual({ ...counts(3), [loggingType]: 2 });
    for (const { props, protect } of Object.values(ofType(graph, bucketType))) {
      expect([props, protect]).toEqual([{ forceDestroy: false }, true]);
    }
  });

  it("keeps what it holds unless told otherwise", async () => {
    const graph = await record({});
    const buckets = Object.values(ofType(graph, bucketType));
    expect(buckets.map(({ props, protect }) => [props.forceDestroy, protect])).toEqual([
      [false, true],
      [false, true],
    ]);
  });

  it.each([
    ["dev", dev],
    ["prod", prod],
  ])("has nothing public, no ACLs, and versions, in every bucket of %s", async (_, args) => {
    const graph = await record(args);
    const names = Object.keys(ofType(graph, bucketType));
    for (const type of everywhere) expect(Object.keys(ofType(graph, type)), type).toEqual(names);
    for (const props of Object.values(inputsOf(graph, publicAccessType))) {
      expect(props).toMatchObject({
        blockPublicAcls: true,
        blockPublicPolicy: true,
        ignorePublicAcls: true,
        restrictPublicBuckets: true,
      });
    }
    for (const props of Object.values(inputsOf(graph, ownershipType))) {
      expect(props.rule).toEqual({ objectOwnership: "BucketOwnerEnforced" });
    }
    for (const props of Object.values(inputsOf(graph, versioningType))) {
      expect(props.versioningConfiguration).toEqual({ status: "Enabled" });
    }
    const bucketNames = Object.values(ofType(graph, bucketType)).map(({ name }) => expect.stringContaining(name));
    for (const type of everywhere) {
      expect(Object.values(inputsOf(graph, type)).map(({ bucket }) => bucket)).toEqual(bucketNames);
    }
  });

  it("encrypts by the key, but access logs by S3's own, as S3 could not write them otherwise", async () => {
    const graph = await record(prod);
    const byKey = {
      applyServerSideEncryptionByDefault: { sseAlgorithm: "aws:kms", kmsMasterKeyId: keyArn },
      bucketKeyEnabled: true,
    };
    const byS3 = { applyServerSideEncryptionByDefault: { sseAlgorithm: "AES256" } };
    expect(Object.entries(inputsOf(graph, encryptionType)).map(([name, { rules }]) => [name, rules])).toEqual([
      ["ddn-in-bucket", [byKey]],
      ["ddn-log-bucket", [byS3]],
      ["ddn-out-bucket", [byKey]],
    ]);
    const plain = await record(dev);
    for (const { rules } of Object.values(inputsOf(plain, encryptionType))) expect(rules).toEqual([byS3]);
  });

  it("gives each bucket its policy and its lifecycle, after what they need", async () => {
    const graph = await record(prod);
    const { inBucketArn, outBucketArn } = graph.outputs as Record<string, string>;
    const policies = Object.entries(inputsOf(graph, policyType)).map(([name, { policy }]) => [name, policy]);
    const logs = inputsOf(graph, policyType)["ddn-log-bucket"];
    const sources = { bucketArns: [inBucketArn, outBucketArn], accountId };
    expect(policies).toEqual([
      ["ddn-in-bucket", JSON.stringify(bucketPolicy(inBucketArn))],
      ["ddn-log-bucket", JSON.stringify(bucketPolicy(`arn:aws:s3:::${logs.bucket}`, sources))],
      ["ddn-out-bucket", JSON.stringify(bucketPolicy(outBucketArn))],
    ]);
    expect(Object.entries(inputsOf(graph, lifecycleType)).map(([name, { rules }]) => [name, rules])).toEqual([
      ["ddn-in-bucket", inLifecycle(30)],
      ["ddn-log-bucket", logLifecycle(365)],
      ["ddn-out-bucket", outLifecycle(90)],
    ]);
    const urnOf = (type: string, name: string) => ofType(graph, type)[name].urn;
    for (const name of Object.keys(ofType(graph, bucketType))) {
      expect(ofType(graph, policyType)[name].dependencies).toContain(urnOf(publicAccessType, name));
      expect(ofType(graph, lifecycleType)[name].dependencies).toContain(urnOf(versioningType, name));
    }
  });

  it("records the access to both buckets once S3 may write it", async () => {
    const graph = await record(prod);
    const { inBucketName, outBucketName } = graph.outputs;
    const targetBucket = inputsOf(graph, policyType)["ddn-log-bucket"].bucket;
    expect(inputsOf(graph, loggingType)).toEqual({
      "ddn-in-bucket": { bucket: inBucketName, targetBucket, targetPrefix: "ddn-in-bucket/" },
      "ddn-out-bucket": { bucket: outBucketName, targetBucket, targetPrefix: "ddn-out-bucket/" },
    });
    for (const { dependencies } of Object.values(ofType(graph, loggingType))) {
      expect(dependencies).toContain(ofType(graph, policyType)["ddn-log-bucket"].urn);
    }
  });

  it("lets the pages that are named use presigned URLs, as the contract says, and no page otherwise", async () => {
    const graph = await record(dev);
    for (const { corsRules } of Object.values(inputsOf(graph, corsType))) {
      expect(corsRules).toEqual([
        {
          allowedOrigins: ["http://localhost:8080"],
          allowedMethods: ["GET", "HEAD", "PUT"],
          allowedHeaders: ["content-type", "if-match", "if-none-match", "x-amz-checksum-sha256"],
          exposeHeaders: ["etag", "content-disposition", "x-amz-version-id"],
          maxAgeSeconds: 3600,
        },
      ]);
    }
    expect(ofType(await record({ ...dev, corsOrigins: [] }), corsType)).toEqual({});
  });

  it("gives every resource a parent, and destroys a bucket after all that is set on it", async () => {
    const graph = await record(prod);
    const frames = graph.resources.filter(({ type }) => type.startsWith("ddn:")).map(({ urn }) => urn);
    const [stack] = graph.resources;
    for (const each of graph.resources.slice(1)) expect([stack.urn, ...frames]).toContain(each.parent);
    for (const type of everywhere) {
      for (const [name, resource] of Object.entries(ofType(graph, type))) {
        expect(waitsFor(graph, resource)).toContain(name);
        expect(resource.dependencies).toContain(ofType(graph, bucketType)[name].urn);
      }
    }
  });

  it.each<[StorageArgs, string]>([
    [{ inRetentionDays: 0 }, "Expected a whole number of days from 1 for `inRetentionDays` but received 0."],
    [{ outRetentionDays: 1.5 }, "Expected a whole number of days from 1 for `outRetentionDays` but received 1.5."],
    [{ logRetentionDays: -1 }, "Expected a whole number of days from 1 for `logRetentionDays` but received -1."],
    [
      { corsOrigins: ["https://a.example.com", "*"] },
      'Expected origins without * for `corsOrigins` but received "*". With * any page could upload; name each origin.',
    ],
  ])("refuses %j", async (args, message) => {
    await pulumi.runtime.setMocks({ newResource: ({ name }) => ({ id: name, state: {} }), call: () => ({}) });
    expect(() => new Storage("ddn", args)).toThrow(expect.objectContaining({ message }));
    await pulumi.runtime.disconnect();
  });
});
