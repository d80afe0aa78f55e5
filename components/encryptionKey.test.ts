// Does not prove that AWS takes the policy, nor that each service sends the source account it is bound to.
import type * as aws from "@pulumi/aws";
import { describe, expect, it } from "vitest";
import { EncryptionKey, keyPolicy } from "./encryptionKey";
import { accountId, region } from "./testing/cloud";
import { recordGraph } from "./testing/graph";

const policy = keyPolicy({ partition: "aws", region, accountId });
const statements = policy.Statement as aws.iam.PolicyStatement[];

describe("keyPolicy", () => {
  it("lets the account's own policies decide, and nobody else's", () => {
    expect(statements[0]).toEqual({
      Sid: "Account",
      Effect: "Allow",
      Principal: { AWS: "arn:aws:iam::123456789012:root" },
      Action: "kms:*",
      Resource: "*",
    });
    expect(statements.filter(({ Principal }) => Principal === "*")).toEqual([]);
  });

  it.each([
    ["UploadsToQueue", "s3.amazonaws.com"],
    ["TopicsToQueues", "sns.amazonaws.com"],
    ["AlarmsToTopic", "cloudwatch.amazonaws.com"],
  ])("%s: lets %s write into what the key encrypts, on behalf of this account", (sid, service) => {
    expect(statements.filter(({ Sid }) => Sid === sid)).toEqual([
      {
        Sid: sid,
        Effect: "Allow",
        Principal: { Service: service },
        Action: ["kms:GenerateDataKey*", "kms:Decrypt"],
        Resource: "*",
        Condition: { StringEquals: { "aws:SourceAccount": accountId } },
      },
    ]);
  });

  it("lets CloudWatch Logs encrypt this account's log groups of this region", () => {
    expect(statements.slice(4)).toEqual([
      {
        Sid: "Logs",
        Effect: "Allow",
        Principal: { Service: "logs.ap-northeast-2.amazonaws.com" },
        Action: ["kms:Encrypt*", "kms:Decrypt*", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:Describe*"],
        Resource: "*",
        Condition: {
          ArnLike: {
            "kms:EncryptionContext:aws:logs:arn": "arn:aws:logs:ap-northeast-2:123456789012:log-group:*",
          },
        },
      },
    ]);
  });
});

describe("EncryptionKey", () => {
  it("is one key that rotates and waits as long as it can before it is gone", async () => {
    const { resources, outputs } = await recordGraph(() => {
      const { keyArn } = new EncryptionKey("ddn");
      return { keyArn };
    });
    const keys = resources.filter(({ custom }) => custom);
    expect(keys.map(({ type, name, parent }) => [type, name, parent?.split("::").slice(2).join("::")])).toEqual([
      ["aws:kms/key:Key", "ddn", "pulumi:pulumi:Stack$ddn:index:EncryptionKey::ddn"],
    ]);
    expect(keys[0].props).toEqual({
      description: "Images, records, messages and logs of the Deep Denoising Platform",
      enableKeyRotation: true,
      deletionWindowInDays: 30,
      policy: JSON.stringify(policy),
    });
    expect(outputs.keyArn).toMatch(/^arn:aws:kms:ap-northeast-2:123456789012:key\/[0-9a-f]{32}$/);
  });

  it.each([
    ["is protected unless said otherwise, as what it encrypted is lost with it", {}, true],
    ["goes where nothing is kept", { keepData: false }, false],
  ])("%s", async (_, args, protect) => {
    const { resources } = await recordGraph(() => {
      new EncryptionKey("ddn", args);
      return {};
    });
    expect(resources.filter(({ custom }) => custom).map((key) => key.protect)).toEqual([protect]);
  });
});
