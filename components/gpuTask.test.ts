// Does not prove that ECS can pull and log with these rights; the whole task stands in gpuService.test.ts.
import { describe, expect, it } from "vitest";
import { executionPolicy, taskTrust } from "./gpuTask";

const place = { partition: "aws", region: "ap-northeast-2", accountId: "123456789012" };
const registry = "123456789012.dkr.ecr.ap-northeast-2.amazonaws.com";
const digest = `@sha256:${"a".repeat(64)}`;
const logs = "arn:aws:logs:ap-northeast-2:123456789012:log-group:/ecs/ddn-triton-task";
const writeLogs = { Effect: "Allow", Action: ["logs:CreateLogStream", "logs:PutLogEvents"], Resource: `${logs}:*` };

describe("taskTrust", () => {
  it("trusts ECS, for this account's tasks alone", () => {
    expect(taskTrust(place)).toEqual({
      Version: "2012-10-17",
      Statement: [
        {
          Effect: "Allow",
          Principal: { Service: "ecs-tasks.amazonaws.com" },
          Action: "sts:AssumeRole",
          Condition: {
            StringEquals: { "aws:SourceAccount": "123456789012" },
            ArnLike: { "aws:SourceArn": "arn:aws:ecs:ap-northeast-2:123456789012:*" },
          },
        },
      ],
    });
  });
});

describe("executionPolicy", () => {
  it("pulls from the repositories of the images and writes to the one log", () => {
    const images = [`${registry}/ddn-api${digest}`, `${registry}/deepdenoising-triton${digest}`];
    expect(executionPolicy(images, logs, place.partition).Statement).toEqual([
      { Effect: "Allow", Action: "ecr:GetAuthorizationToken", Resource: "*" },
      {
        Effect: "Allow",
        Action: ["ecr:BatchCheckLayerAvailability", "ecr:GetDownloadUrlForLayer", "ecr:BatchGetImage"],
        Resource: [
          "arn:aws:ecr:ap-northeast-2:123456789012:repository/ddn-api",
          "arn:aws:ecr:ap-northeast-2:123456789012:repository/deepdenoising-triton",
        ],
      },
      writeLogs,
    ]);
  });

  it("takes another account's and region's repository as it is, with its folders, and names one of two equal ones once", () => {
    const image = `210987654321.dkr.ecr.us-east-1.amazonaws.com/team/ddn/api${digest}`;
    expect(executionPolicy([image, image], logs, place.partition).Statement).toContainEqual(
      expect.objectContaining({ Resource: ["arn:aws:ecr:us-east-1:210987654321:repository/team/ddn/api"] }),
    );
  });

  it("asks for nothing of ECR where the images lie elsewhere", () => {
    expect(executionPolicy([`nvcr.io/nvidia/tritonserver${digest}`], logs, place.partition).Statement).toEqual([
      writeLogs,
    ]);
  });
});
