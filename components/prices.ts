/**
 * What AWS asks in Seoul, USD before tax, on demand. Estimates only: nothing here bills or refuses anything.
 *
 * Region: ap-northeast-2. Date: 2026-10-01 (g4dn: 2026-08-26, other instances: 2026-01-21).
 * Source: the AWS Price List, `https://pricing.us-east-1.amazonaws.com/offers/v1.0/aws/<service>/current/ap-northeast-2/`, by
 * the usage type that stands beside each price. The list was not read directly but in published copies of it
 * (instances.vantage.sh for GPU instances); bills published for Seoul agree on the gateways, the load balancer, addresses and
 * volumes. Spot prices move, so that spot instances are estimated at the price on demand.
 */
export const prices = {
  region: "ap-northeast-2",
  date: "2026-10-01",
  /** APN2-BoxUsage:<type>, Linux. */
  gpuInstanceHour: {
    "g4dn.xlarge": 0.647,
    "g4dn.2xlarge": 0.925,
    "g4dn.4xlarge": 1.481,
    "g4dn.8xlarge": 2.677,
    "g4dn.16xlarge": 5.353,
    "g5.xlarge": 1.237,
    "g5.2xlarge": 1.4903,
    "g5.4xlarge": 1.99691,
    "g5.8xlarge": 3.01012,
    "g5.16xlarge": 5.03653,
    "g6.xlarge": 0.9896,
    "g6.2xlarge": 1.20208,
    "g6.4xlarge": 1.62704,
    "g6.8xlarge": 2.47695,
    "g6.16xlarge": 4.17678,
    "g6e.xlarge": 2.288,
    "g6e.2xlarge": 2.75652,
    "g6e.4xlarge": 3.69355,
    "g6e.8xlarge": 5.56762,
    "g6e.16xlarge": 9.31575,
  } as Readonly<Record<string, number>>,
  /** APN2-EBS:VolumeUsage.gp3 */
  volumeGibMonth: 0.0912,
  /** APN2-PublicIPv4:InUseAddress */
  publicAddressHour: 0.005,
  /** APN2-NatGateway-Hours */
  natGatewayHour: 0.059,
  /** APN2-VpcEndpoint-Hours, for each zone */
  interfaceEndpointHour: 0.013,
  /** APN2-LoadBalancerUsage, application load balancer */
  loadBalancerHour: 0.0225,
  /** One customer managed key. */
  keyMonth: 1,
  /** APN2-CW:AlarmMonitorUsage, for each metric that an alarm reads */
  alarmMonth: 0.1,
  /** APN2-CW:MetricMonitorUsage, for the hours in which a metric has values */
  metricMonth: 0.3,
  /** What a bill holds beyond the hours: by use, a unit each. */
  byUse: {
    /** APN2-TimedStorage-ByteHrs, S3 Standard */
    bucketGibMonth: 0.025,
    /** APN2-Requests-Tier1: PUT, COPY, POST, LIST */
    thousandWrites: 0.0045,
    /** APN2-DataProcessing-Bytes */
    logGib: 0.76,
    /** APN2-NatGateway-Bytes */
    natGib: 0.059,
    /** APN2-VpcEndpoint-Bytes */
    endpointGib: 0.01,
    /** ECR */
    imageGibMonth: 0.1,
  },
} as const;

export const hoursPerMonth = 730;
