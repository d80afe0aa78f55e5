import type * as pulumi from "@pulumi/pulumi";
import { endedMetrics, stageMetrics, workMetrics } from "../contract/metrics";
import type { Metric, PlatformMetrics } from "./platformMetrics";

export interface DashboardArgs {
  readonly metrics: PlatformMetrics;
  readonly region: pulumi.Input<string>;
  readonly alarmArns: readonly pulumi.Input<string>[];
  /** What an hour of an instance costs, USD; without it the dashboard shows no cost of instances. */
  readonly gpuUsdPerHour?: number;
  readonly monthlyBudgetUsd: number;
}

interface Line {
  readonly label: string;
  readonly metric: Metric;
  readonly stat: string;
  /** For an expression to speak of; the line itself is hidden. */
  readonly id?: string;
  readonly yAxis?: "right";
}

interface Formula {
  readonly label: string;
  readonly expression: string;
  readonly yAxis?: "right";
}

interface Graph {
  readonly title: string;
  readonly lines: readonly (Line | Formula)[];
  readonly left?: string;
  readonly right?: string;
}

type Row = readonly (string | pulumi.Input<string> | Record<string, unknown>)[];

const columns = 24;
const height = 6;
const periodSeconds = 300;

/** Each metric is spelled out; the short forms of the format depend on their order. */
const row = (line: Line | Formula): Row => {
  const axis = line.yAxis === undefined ? {} : { yAxis: line.yAxis };
  if ("expression" in line) return [{ expression: line.expression, label: line.label, ...axis }];
  const { namespace, name, dimensions } = line.metric;
  const hidden = line.id === undefined ? {} : { id: line.id, visible: false };
  return [
    namespace,
    name,
    ...Object.entries(dimensions).flat(),
    { stat: line.stat, label: line.label, ...hidden, ...axis },
  ];
};

const graphs = ({ metrics, gpuUsdPerHour }: DashboardArgs): readonly Graph[] => {
  const { own } = metrics;
  const running: Line = { label: "running", metric: metrics.instancesRunning, stat: "Average", id: "running" };
  return [
    {
      title: "Jobs",
      left: "jobs in 5 minutes",
      lines: [
        { label: "submitted to the queue", metric: metrics.jobsSubmitted, stat: "Sum" },
        ...Object.entries(endedMetrics).map(([label, name]) => ({ label, metric: own(name), stat: "Sum" })),
      ],
    },
    {
      title: "Latency by stage",
      left: "milliseconds, mean",
      right: "total",
      lines: [
        ...Object.entries(stageMetrics)
          .filter(([timing]) => timing !== "totalMs")
          .map(([timing, name]) => ({ label: timing.replace("Ms", ""), metric: own(name), stat: "Average" })),
        { label: "total p50", metric: own(stageMetrics.totalMs), stat: "p50", yAxis: "right" },
        { label: "total p95", metric: own(stageMetrics.totalMs), stat: "p95", yAxis: "right" },
      ],
    },
    {
      title: "Queue",
      left: "messages",
      right: "seconds",
      lines: [
        { label: "waiting", metric: metrics.messagesWaiting, stat: "Maximum" },
        { label: "in flight", metric: metrics.messagesInFlight, stat: "Maximum" },
        { label: "dead", metric: metrics.deadLetters, stat: "Maximum" },
        { label: "age of the oldest", metric: metrics.oldestMessageSeconds, stat: "Maximum", yAxis: "right" },
      ],
    },
    {
      title: "API",
      left: "requests in 5 minutes",
      right: "milliseconds",
      lines: [
        { label: "requests", metric: metrics.apiRequests, stat: "Sum" },
        { label: "4xx", metric: metrics.apiClientErrors, stat: "Sum" },
        { label: "5xx", metric: metrics.apiServerErrors, stat: "Sum" },
        { label: "latency p95", metric: metrics.apiLatency, stat: "p95", yAxis: "right" },
      ],
    },
    {
      title: "GPU and CPU",
      left: "percent",
      right: "megapixels a second",
      lines: [
        running,
        { label: "busy", metric: own(workMetrics.gpuSeconds), stat: "Sum", id: "busy" },
        { label: "pixels", metric: own(workMetrics.pixels), stat: "Sum", id: "pixels" },
        { label: "GPU busy", expression: "100 * busy / PERIOD(busy) / running" },
        { label: "GPUs reserved", metric: metrics.gpusReserved, stat: "Average" },
        { label: "CPU", metric: metrics.serviceCpu, stat: "Average" },
        { label: "memory", metric: metrics.serviceMemory, stat: "Average" },
        { label: "throughput", expression: "pixels / 1000000 / PERIOD(pixels)", yAxis: "right" },
      ],
    },
    {
      title: "Instances and servers",
      left: "count",
      right: "percent",
      lines: [
        { label: "instances wanted", metric: metrics.instancesWanted, stat: "Maximum" },
        { label: "instances running", metric: metrics.instancesRunning, stat: "Maximum" },
        { label: "healthy servers", metric: metrics.healthyTargets, stat: "Maximum" },
        { label: "capacity needed", metric: metrics.capacityNeeded, stat: "Maximum", yAxis: "right" },
      ],
    },
    {
      title: "Cost",
      left: "USD an hour",
      right: "USD in 5 minutes",
      lines: [
        ...(gpuUsdPerHour === undefined
          ? []
          : [running, { label: "instances", expression: `running * ${gpuUsdPerHour}` }]),
        { label: "of jobs", metric: own(workMetrics.usd), stat: "Sum", yAxis: "right" },
      ],
    },
  ];
};

const graphProperties = ({ title, lines, left, right }: Graph, region: pulumi.Input<string>) => ({
  title,
  region,
  view: "timeSeries",
  period: periodSeconds,
  metrics: lines.map(row),
  yAxis: {
    left: { label: left, min: 0, showUnits: false },
    ...(right === undefined ? {} : { right: { label: right, min: 0, showUnits: false } }),
  },
});

/**
 * The body of the dashboard: the alarms, then two graphs a row.
 * Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
 */
export const dashboardBody = (args: DashboardArgs) => {
  const all = graphs(args);
  const alarms = {
    type: "alarm",
    x: 0,
    y: 0,
    width: columns,
    height: 2,
    properties: { title: "Alarms", alarms: args.alarmArns },
  };
  const widgets = all.map((graph, index) => ({
    type: "metric",
    x: (index % 2) * (columns / 2),
    y: alarms.height + Math.floor(index / 2) * height,
    width: columns / 2,
    height,
    properties: graphProperties(graph, args.region),
  }));
  const note = {
    type: "text",
    x: columns / 2,
    y: alarms.height + Math.floor(all.length / 2) * height,
    width: columns / 2,
    height,
    properties: {
      markdown: [
        `Budget: **${args.monthlyBudgetUsd} USD** a month for the whole account; mails go out at 80 %, at 100 % and when the forecast passes it.`,
        "The cost of instances is counted by the hour at the price on demand; what a job costs is its share of the GPU's busy time. A stack that sleeps has neither.",
      ].join("\n\n"),
    },
  };
  return { widgets: [alarms, ...widgets, note] };
};
