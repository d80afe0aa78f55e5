import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { PrivateBucket } from "../components/privateBucket";
import { allow, type Statement } from "./statement";

/** Days that earlier states are kept: what there is to go back to. */
const earlierStatesDays = 90;

/** Where stacks keep their state without Pulumi Cloud: a bucket, and a key for the secrets in it. */
export class StateBackend extends pulumi.ComponentResource {
  public readonly bucketName: pulumi.Output<string>;
  public readonly bucketArn: pulumi.Output<string>;
  public readonly keyArn: pulumi.Output<string>;
  public readonly keyAlias: pulumi.Output<string>;

  constructor(name: string, opts?: pulumi.ComponentResourceOptions) {
    super("ddn:delivery:StateBackend", name, {}, opts);

    const bucket = new PrivateBucket(
      name,
      {
        keepData: true,
        lifecycle: [
          {
            id: "earlier-states",
            status: "Enabled",
            filter: {},
            noncurrentVersionExpiration: { noncurrentDays: earlierStatesDays },
            abortIncompleteMultipartUpload: { daysAfterInitiation: 1 },
          },
        ],
      },
      { parent: this },
    );
    const key = new aws.kms.Key(
      name,
      { description: "Secrets in the state of Pulumi stacks", enableKeyRotation: true, deletionWindowInDays: 30 },
      // Without it no state can be read any more.
      { parent: this, protect: true },
    );
    const alias = new aws.kms.Alias(name, { name: `alias/${name}`, targetKeyId: key.keyId }, { parent: this });

    this.bucketName = bucket.bucketName;
    this.bucketArn = bucket.bucketArn;
    this.keyArn = key.arn;
    this.keyAlias = alias.name;
    this.registerOutputs({
      bucketName: this.bucketName,
      bucketArn: this.bucketArn,
      keyArn: this.keyArn,
      keyAlias: this.keyAlias,
    });
  }
}

/** What a preview needs: it reads the state, its secrets too, and locks nothing. */
export const readStateStatements = (bucketArn: string, keyArn: string): readonly Statement[] => [
  allow("s3", ["ListBucket"], [bucketArn]),
  allow("s3", ["GetObject"], [`${bucketArn}/*`]),
  allow("kms", ["Decrypt"], [keyArn]),
];

/** What a deployment writes: this stack's state, history, copies and lock, and no other's. */
export const writeStateStatements = (bucketArn: string, keyArn: string, stack: string): readonly Statement[] => [
  ...readStateStatements(bucketArn, keyArn),
  allow(
    "s3",
    ["PutObject", "DeleteObject"],
    [
      `stacks/ddn/${stack}.json*`,
      `stacks/ddn/${stack}.pulumi-tags*`,
      `history/ddn/${stack}/*`,
      `backups/ddn/${stack}/*`,
      `locks/organization/ddn/${stack}/*`,
    ].map((path) => `${bucketArn}/.pulumi/${path}`),
  ),
  allow("kms", ["Encrypt"], [keyArn]),
];
