import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";

/** Where a deployment works. */
export interface Place {
  readonly partition: string;
  readonly region: string;
  readonly accountId: string;
}

/** Where this program works, and the deployments it speaks of. */
export const currentPlace = (parent: pulumi.Resource): pulumi.Output<Place> =>
  pulumi.output({
    partition: aws.getPartitionOutput({}, { parent }).partition,
    region: aws.getRegionOutput({}, { parent }).region,
    accountId: aws.getCallerIdentityOutput({}, { parent }).accountId,
  });
