import type { PlatformConfig } from "../config";
import { endedMetrics, stageMetrics, workMetrics } from "../contract/metrics";
import { hoursPerMonth, prices } from "./prices";
import { subnetKinds } from "./vpc";
import { interfaceServices } from "./vpcEndpoints";

/** One line of the estimate, USD a month. */
export interface CostItem {
  readonly what: string;
  readonly idle: number;
  readonly full: number;
}

export interface CostEstimate {
  readonly items: readonly CostItem[];
  /** No job for a month: the least instances run. */
  readonly idle: number;
  /** Work without end: the most instances run. */
  readonly full: number;
  /** What the price table does not know; the sums leave it out. */
  readonly unpriced: readonly string[];
}

export type CostConfig = Pick<PlatformConfig, "network" | "storage" | "gpu">;

const zones = 2;
/** Alarms cost by the metrics that they read: those of `alarms.ts` 11, those that move the service 6, those of ECS 2. */
const alarmMetrics = 19;
/** Of the server, and `JobsSubmitted`. */
const metrics = [endedMetrics, stageMetrics, workMetrics].flatMap(Object.values).length + 1;

const natGateways = { none: 0, single: 1, onePerZone: zones } as const;

/** What an hour of the preferred instance type costs on demand, USD; also what jobs are charged for the GPU. */
export const gpuUsdPerHour = (instanceTypes: readonly string[]): number | undefined =>
  prices.gpuInstanceHour[instanceTypes[0] ?? ""];

const always = (what: string, usd: number): readonly CostItem[] => (usd === 0 ? [] : [{ what, idle: usd, full: usd }]);

const network = (config: CostConfig["network"]): readonly CostItem[] => {
  if (config.mode === "adopt") return [];
  const gateways = natGateways[config.natGateways];
  const gatewayHour = prices.natGatewayHour + prices.publicAddressHour;
  return [
    ...always(`${gateways} NAT gateway${gateways === 1 ? "" : "s"}`, gateways * gatewayHour * hoursPerMonth),
    ...(config.interfaceEndpoints
      ? always(
          `${interfaceServices.length} interface endpoints in ${zones} zones`,
          interfaceServices.length * zones * prices.interfaceEndpointHour * hoursPerMonth,
        )
      : []),
  ];
};

/** Of an adopted subnet only AWS knows. */
const hasPublicAddress = (config: CostConfig["network"]): boolean =>
  config.mode === "adopt" || subnetKinds(config)[0] === "Public";

const instances = ({ gpu, network }: CostConfig): readonly CostItem[] => {
  const { minInstances, maxInstances, rootVolumeGib, instanceTypes } = gpu;
  const counted = (what: string, usdEach: number): CostItem => ({
    what,
    idle: minInstances * usdEach,
    full: maxInstances * usdEach,
  });
  const count = minInstances === maxInstances ? `${maxInstances}` : `${minInstances} to ${maxInstances}`;
  const instanceHour = gpuUsdPerHour(instanceTypes);
  return [
    ...(instanceHour === undefined ? [] : [counted(`${count} × ${instanceTypes[0]}`, instanceHour * hoursPerMonth)]),
    counted(`${count} × ${rootVolumeGib} GiB gp3`, rootVolumeGib * prices.volumeGibMonth),
    ...(hasPublicAddress(network)
      ? [counted(`${count} × public address`, prices.publicAddressHour * hoursPerMonth)]
      : []),
  ];
};

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

/** What the stack costs a month by the hours that its parts run; storage, requests, logs and traffic come on top by use. */
export const estimateMonthlyCost = (config: CostConfig): CostEstimate => {
  const items: readonly CostItem[] = [
    ...instances(config),
    ...network(config.network),
    ...always("load balancer", prices.loadBalancerHour * hoursPerMonth),
    ...always("encryption key", config.storage.encryption === "kms" ? prices.keyMonth : 0),
    ...always(`alarms on ${alarmMetrics} metrics`, alarmMetrics * prices.alarmMonth),
    { what: `${metrics} metrics of its own`, idle: 0, full: metrics * prices.metricMonth },
  ];
  const { instanceTypes, maxInstances } = config.gpu;
  const priced = gpuUsdPerHour(instanceTypes) !== undefined;
  return {
    items,
    idle: sum(items.map(({ idle }) => idle)),
    full: sum(items.map(({ full }) => full)),
    // The cluster has Container Insights where more than one task may run.
    unpriced: [...(priced ? [] : instanceTypes.slice(0, 1)), ...(maxInstances > 1 ? ["Container Insights"] : [])],
  };
};

const row = (what: string, idle: string, full: string): string =>
  `${what.padEnd(36)}${idle.padStart(10)}${full.padStart(12)}`;

const amounts = (what: string, { idle, full }: { readonly idle: number; readonly full: number }): string =>
  row(what, idle.toFixed(2), full.toFixed(2));

/** The estimate as a preview prints it. */
export const costTable = ({ items, idle, full, unpriced }: CostEstimate): string => {
  const { bucketGibMonth, thousandWrites, logGib } = prices.byUse;
  return [
    `Estimated cost, USD a month (${prices.region}, prices of ${prices.date}, on demand, before tax)`,
    row("", "idle", "full load"),
    ...items.map((item) => amounts(item.what, item)),
    amounts("together", { idle, full }),
    `By use on top: ${bucketGibMonth} a GiB kept, ${thousandWrites} a thousand writes to S3, ${logGib} a GiB of logs.`,
    ...unpriced.map((what) => `Not in it: ${what}, whose price components/prices.ts does not know.`),
  ].join("\n");
};
