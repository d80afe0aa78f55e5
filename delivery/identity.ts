/** Who vouches for a deployment by a token, and for whom the token is meant. */
export interface Issuer {
  /** Without `https://`: what AWS names the token's claims by. */
  readonly host: string;
  readonly audience: string;
}

/** Source: https://www.pulumi.com/docs/deployments/guides/oidc/ */
export const pulumiIssuer = (organization: string): Issuer => ({ host: "api.pulumi.com/oidc", audience: organization });

/** Source: https://docs.github.com/actions/reference/openid-connect-reference */
export const githubIssuer: Issuer = { host: "token.actions.githubusercontent.com", audience: "sts.amazonaws.com" };

/** What a deployment can be; drift is looked for by a refresh that changes nothing. */
export type Operation = "preview" | "update" | "refresh" | "destroy" | "detect-drift";

/** The subject of a deployment's token. @param stack its name, or a pattern with `*` */
export const pulumiSubject = (organization: string, stack: string, operation: Operation): string =>
  `pulumi:deploy:org:${organization}:project:ddn:stack:${stack}:operation:${operation}:scope:write`;

export interface GithubRepository {
  readonly repository: string;
  readonly repositoryIds: { readonly owner: string; readonly repository: string } | undefined;
}

/**
 * The subject of a workflow's token.
 * Repositories made or renamed since 2026-07-15 have their numbers in it.
 * Source: https://github.blog/changelog/2026-04-23-immutable-subject-claims-for-github-actions-oidc-tokens/
 * @param context `pull_request`, or `environment:<name>`
 */
export const githubSubject = ({ repository, repositoryIds }: GithubRepository, context: string): string => {
  const [owner, name] = repository.split("/");
  return repositoryIds === undefined
    ? `repo:${owner}/${name}:${context}`
    : `repo:${owner}@${repositoryIds.owner}/${name}@${repositoryIds.repository}:${context}`;
};

/**
 * Lets in whoever holds a token of the issuer for this audience with one of these subjects, and nobody else. Compares by
 * patterns only where there is one.
 */
export const trustPolicy = (issuer: Issuer, providerArn: string, subjects: readonly string[]) => {
  const audience = { [`${issuer.host}:aud`]: issuer.audience };
  const subject = { [`${issuer.host}:sub`]: subjects };
  return {
    Version: "2012-10-17",
    Statement: [
      {
        Effect: "Allow",
        Principal: { Federated: providerArn },
        Action: "sts:AssumeRoleWithWebIdentity",
        Condition: subjects.some((each) => each.includes("*"))
          ? { StringEquals: audience, StringLike: subject }
          : { StringEquals: { ...audience, ...subject } },
      },
    ],
  };
};
