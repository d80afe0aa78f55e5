import { readFileSync } from "node:fs";
import path from "node:path";
import * as aws from "@pulumi/aws";
import * as dockerBuild from "@pulumi/docker-build";
import * as pulumi from "@pulumi/pulumi";
import { contentTag } from "./buildContext";

export interface BuiltImageArgs {
  /** Folder from the repository's root; its .dockerignore says what is in it. */
  readonly context: string;
  /** Dockerfile from the repository's root. */
  readonly dockerfile: string;
  readonly buildArgs?: Readonly<Record<string, string>>;
}

const root = path.resolve(__dirname, "..");
/** Of the GPU instances. */
const platform = dockerBuild.Platform.Linux_amd64;

/** As docker-build takes paths, from where Pulumi runs: another path in the state would mean another build. */
const fromHere = (relative: string): string => path.relative(process.cwd(), path.join(root, relative)) || ".";

/**
 * Builds an image in `pulumi up`, and pushes it under a tag that names its content: what has not changed is not built, and
 * what has never meets a tag that is taken.
 * @returns the image by digest
 */
export const builtImage = (
  name: string,
  repository: aws.ecr.Repository,
  { context, dockerfile, buildArgs = {} }: BuiltImageArgs,
  parent: pulumi.Resource,
): pulumi.Output<string> => {
  const tag = contentTag(
    path.join(root, context),
    readFileSync(path.join(root, dockerfile), "utf8"),
    JSON.stringify(buildArgs),
    platform,
  );
  const { userName, password } = aws.ecr.getAuthorizationTokenOutput({ registryId: repository.registryId }, { parent });
  const image = new dockerBuild.Image(
    name,
    {
      context: { location: fromHere(context) },
      dockerfile: { location: fromHere(dockerfile) },
      buildArgs: { ...buildArgs },
      platforms: [platform],
      tags: [pulumi.interpolate`${repository.repositoryUrl}:${tag}`],
      push: true,
      // A preview needs no Docker.
      buildOnPreview: false,
      registries: [{ address: repository.repositoryUrl, username: userName, password: pulumi.secret(password) }],
    },
    // Deleting it would delete the image, which may just have been named in apiImage or tritonImage instead.
    { parent, retainOnDelete: true },
  );
  return pulumi.interpolate`${repository.repositoryUrl}@${image.digest}`;
};
