import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { gpuUsdPerHour } from "./components/cost";
import { EncryptionKey } from "./components/encryptionKey";
import { GpuService } from "./components/gpuService";
import { ImageRegistry } from "./components/imageRegistry";
import { JobQueue } from "./components/jobQueue";
import { Network } from "./components/network";
import { Observability } from "./components/observability";
import { OutputParameters } from "./components/outputParameters";
import { preflight } from "./components/preflight";
import { PresignApi } from "./components/presignApi";
import { Storage } from "./components/storage";
import { loadConfig } from "./config";
import { contractVersion } from "./contract/version";
import type { PlatformOutputs } from "./outputs";

const stack = pulumi.getStack();
const config = loadConfig(stack);
void preflight(config);

const { nameSuffix, tags, corsOrigins, limits, gpu, operations } = config;
const { encryption, uploadPrefix, keepData, ...storageArgs } = config.storage;
const keyArn = encryption === "kms" ? new EncryptionKey("ddn", { keepData }).keyArn : undefined;
const common = { nameSuffix, keepData, logRetentionDays: operations.logRetentionDays, keyArn };

const network = new Network("ddn", { network: config.network, ...common });
const storage = new Storage("ddn", { ...storageArgs, corsOrigins, ...common });
const { inBucketName: bucketName, inBucketArn: bucketArn } = storage;
const uploads = uploadPrefix === undefined ? undefined : { bucketName, bucketArn, prefix: uploadPrefix };
const jobQueue = new JobQueue("ddn-jobs", { uploads, keyArn });
const images = new ImageRegistry("ddn", { ...config.images, ...common });
const price = { gpuUsdPerHour: gpuUsdPerHour(gpu.instanceTypes) };
const parts = { network, storage, jobQueue, images };
const serviceArgs = { stack, ...parts, ...gpu, ...limits, ...price, tags };
// Tasks need the way to AWS until they have stopped.
const service = new GpuService("ddn", { ...serviceArgs, ...common }, { dependsOn: [network] });

const sleeps = gpu.minInstances === 0;
const { subnetIds, linkSecurityGroupId: securityGroupId } = network;
const server = sleeps ? undefined : { listenerArn: service.listenerArn, subnetIds, securityGroupId };
const apiArgs = { stackName: stack, storage, jobQueue, server, ...config.api, ...limits, corsOrigins };
const api = new PresignApi("ddn", { ...apiArgs, ...common });
const names = { stack, ...jobQueue, ...service, ...api };
const observability = new Observability("ddn", { names, ...operations, sleeps, ...price, ...common });

const outputs = {
  contractVersion,
  apiUrl: api.apiUrl,
  apiExecutionArn: api.apiExecutionArn,
  authMode: config.api.auth.mode,
  inBucketName: storage.inBucketName,
  inBucketArn: storage.inBucketArn,
  outBucketName: storage.outBucketName,
  outBucketArn: storage.outBucketArn,
  queueUrl: jobQueue.queueUrl,
  queueArn: jobQueue.queueArn,
  deadLetterQueueUrl: jobQueue.deadLetterQueueUrl,
  jobTopicArn: jobQueue.jobTopicArn,
  presignFunctionName: api.presignFunctionName,
  apiRepositoryUrl: images.apiRepositoryUrl,
  tritonRepositoryUrl: images.tritonRepositoryUrl,
  clusterName: service.clusterName,
  serviceName: service.serviceName,
  loadBalancerDnsName: service.loadBalancerDnsName,
  region: aws.getRegionOutput().region,
  dashboardUrl: observability.dashboardUrl,
  ...(keyArn === undefined ? {} : { kmsKeyArn: keyArn }),
  ...(api.domainTarget === undefined ? {} : { domainTarget: api.domainTarget }),
} satisfies { readonly [Name in keyof PlatformOutputs]: pulumi.Input<NonNullable<PlatformOutputs[Name]>> };
new OutputParameters("ddn", { path: `/ddn/${stack}`, outputs });

export = outputs;
