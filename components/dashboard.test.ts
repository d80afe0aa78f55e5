// Does not prove how CloudWatch draws it.
import { describe, expect, it } from "vitest";
import { dashboardBody } from "./dashboard";
import { platformMetrics } from "./platformMetrics";
import { platformNames } from "./testing/platformNames";

const body = (gpuUsdPerHour?: number) =>
  dashboardBody({
    metrics: platformMetrics(platformNames),
    region: "ap-northeast-2",
    alarmArns: ["arn:1", "arn:2"],
    gpuUsdPerHour,
    monthlyBudgetUsd: 150,
  });

const rowsOf = (title: string, usd: number | undefined = 0.647): unknown => {
  const widget = body(usd).widgets.find(({ properties }) => "metrics" in properties && properties.title === title);
  return widget !== undefined && "metrics" in widget.properties ? widget.properties.metrics : undefined;
};

const own = ["Stack", "dev"];

describe("dashboardBody", () => {
  it("shows jobs by their end, beside those submitted", () => {
    expect(rowsOf("Jobs")).toEqual([
      ["DDN", "JobsSubmitted", ...own, { stat: "Sum", label: "submitted to the queue" }],
      ["DDN", "JobsSucceeded", ...own, { stat: "Sum", label: "succeeded" }],
      ["DDN", "JobsFailed", ...own, { stat: "Sum", label: "failed" }],
      ["DDN", "JobsCancelled", ...own, { stat: "Sum", label: "cancelled" }],
    ]);
  });

  it("shows latency by stage, and the total beside them", () => {
    const mean = (label: string, name: string) => ["DDN", name, ...own, { stat: "Average", label }];
    expect(rowsOf("Latency by stage")).toEqual([
      mean("queue", "QueueTime"),
      mean("read", "ReadTime"),
      mean("decode", "DecodeTime"),
      mean("infer", "InferTime"),
      mean("encode", "EncodeTime"),
      mean("write", "WriteTime"),
      ["DDN", "TotalTime", ...own, { stat: "p50", label: "total p50", yAxis: "right" }],
      ["DDN", "TotalTime", ...own, { stat: "p95", label: "total p95", yAxis: "right" }],
    ]);
  });

  it("shows the age of the queue", () => {
    expect(rowsOf("Queue")).toContainEqual([
      "AWS/SQS",
      "ApproximateAgeOfOldestMessage",
      "QueueName",
      "jobs-queue",
      { stat: "Maximum", label: "age of the oldest", yAxis: "right" },
    ]);
  });

  it("shows GPU and CPU: busy seconds of the GPU over the instances that run, and the service's own CPU", () => {
    const rows = rowsOf("GPU and CPU");
    expect(rows).toContainEqual([{ expression: "100 * busy / PERIOD(busy) / running", label: "GPU busy" }]);
    expect(rows).toContainEqual([
      "DDN",
      "GpuSeconds",
      ...own,
      { stat: "Sum", label: "busy", id: "busy", visible: false },
    ]);
    expect(rows).toContainEqual([
      "AWS/AutoScaling",
      "GroupInServiceInstances",
      "AutoScalingGroupName",
      "ddn-gpu",
      { stat: "Average", label: "running", id: "running", visible: false },
    ]);
    expect(rows).toContainEqual([
      "AWS/ECS",
      "CPUUtilization",
      "ClusterName",
      "ddn-cluster",
      "ServiceName",
      "ddn-service",
      { stat: "Average", label: "CPU" },
    ]);
  });

  it("shows the cost of the instances that run and of the jobs", () => {
    const ofJobs = ["DDN", "JobCost", ...own, { stat: "Sum", label: "of jobs", yAxis: "right" }];
    expect(rowsOf("Cost")).toEqual([
      expect.arrayContaining(["GroupInServiceInstances"]),
      [{ expression: "running * 0.647", label: "instances" }],
      ofJobs,
    ]);
    const widget = body().widgets.find(({ properties }) => "metrics" in properties && properties.title === "Cost");
    expect(widget?.properties).toMatchObject({ metrics: [ofJobs] });
  });

  it("begins with the alarms and ends with the budget", () => {
    const { widgets } = body();
    expect(widgets[0]).toMatchObject({ type: "alarm", properties: { alarms: ["arn:1", "arn:2"] } });
    expect(widgets.at(-1)?.properties).toMatchObject({ markdown: expect.stringContaining("**150 USD** a month") });
  });

  it("lays its widgets out without a gap or an overlap", () => {
    const taken = new Set<string>();
    for (const { x, y, width, height } of body().widgets) {
      for (let column = x; column < x + width; column++) {
        for (let line = y; line < y + height; line++) {
          const cell = `${column} ${line}`;
          expect(taken.has(cell), cell).toBe(false);
          taken.add(cell);
        }
      }
    }
    const lines = Math.max(...body().widgets.map(({ y, height }) => y + height));
    expect(taken.size).toBe(24 * lines);
  });

  it("speaks in each expression only of lines that are there", () => {
    for (const { properties } of body(0.647).widgets) {
      if (!("metrics" in properties)) continue;
      const rows = properties.metrics.map((row) => row.at(-1) as { id?: string; expression?: string });
      const ids = rows.flatMap(({ id }) => id ?? []);
      const spoken = rows.flatMap(({ expression = "" }) => expression.match(/\b[a-z]+\b/g) ?? []);
      expect(spoken.filter((word) => !ids.includes(word))).toEqual([]);
    }
  });
});
