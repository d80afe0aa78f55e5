// Does not prove what the issuers put into their tokens, nor how AWS reads them.
import { describe, expect, it } from "vitest";
import { githubIssuer, githubSubject, pulumiIssuer, pulumiSubject, trustPolicy } from "./identity";

const repository = { repository: "acme/denoising", repositoryIds: undefined };

describe("subjects", () => {
  it("of a deployment name organization, project, stack and operation", () => {
    expect(pulumiSubject("acme", "dev", "preview")).toBe(
      "pulumi:deploy:org:acme:project:ddn:stack:dev:operation:preview:scope:write",
    );
  });

  it("of a workflow name repository and environment, with their numbers where the repository has them in its tokens", () => {
    expect(githubSubject(repository, "environment:prod")).toBe("repo:acme/denoising:environment:prod");
    const numbered = { ...repository, repositoryIds: { owner: "12", repository: "345" } };
    expect(githubSubject(numbered, "pull_request")).toBe("repo:acme@12/denoising@345:pull_request");
  });
});

describe("trust", () => {
  it("compares audience and subject to the letter", () => {
    const arn = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com";
    const subject = githubSubject(repository, "environment:prod");
    expect(trustPolicy(githubIssuer, arn, [subject])).toEqual({
      Version: "2012-10-17",
      Statement: [
        {
          Effect: "Allow",
          Principal: { Federated: arn },
          Action: "sts:AssumeRoleWithWebIdentity",
          Condition: {
            StringEquals: {
              "token.actions.githubusercontent.com:aud": "sts.amazonaws.com",
              "token.actions.githubusercontent.com:sub": ["repo:acme/denoising:environment:prod"],
            },
          },
        },
      ],
    });
  });

  it("compares by a pattern only where there is one, and the audience never", () => {
    const arn = "arn:aws:iam::123456789012:oidc-provider/api.pulumi.com/oidc";
    const subject = pulumiSubject("acme", "pr-*", "update");
    expect(trustPolicy(pulumiIssuer("acme"), arn, [subject]).Statement[0].Condition).toEqual({
      StringEquals: { "api.pulumi.com/oidc:aud": "acme" },
      StringLike: { "api.pulumi.com/oidc:sub": [subject] },
    });
  });
});
