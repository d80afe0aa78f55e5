import type { PlatformNames } from "../platformMetrics";

/** Names as AWS gives them, for tests of what is built upon them. */
export const platformNames: PlatformNames = {
  stack: "dev",
  apiId: "a1b2c3d4e5",
  functionNames: { presign: "presign-1", jobs: "jobs-1", ping: "ping-1", document: "document-1" },
  queueName: "jobs-queue",
  deadLetterQueueName: "jobs-dead",
  clusterName: "ddn-cluster",
  serviceName: "ddn-service",
  capacityProviderName: "ddn-capacity",
  autoScalingGroupName: "ddn-gpu",
  loadBalancerArnSuffix: "app/ddn/0123456789abcdef",
  targetGroupArnSuffix: "targetgroup/ddn/0123456789abcdef",
};
