// Does not prove that the task's role may set its protection.
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, it } from "vitest";
import type { Log } from "./jobs/runs";
import { createScaleInProtection } from "./scaleInProtection";

it("protects the task with each run that starts and lifts it after the last", async () => {
  const asked: string[] = [];
  const agent = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    asked.push(`${request.method} ${request.url} ${body}`);
    response.end("{}");
    if (asked.length === 3) agent.emit("enough");
  }).listen(0, "127.0.0.1");
  await once(agent, "listening");
  const enough = once(agent, "enough");
  const warnings: unknown[] = [];
  const log = { warn: (detail: unknown) => warnings.push(detail) } as unknown as Log;
  const protection = createScaleInProtection(`http://127.0.0.1:${(agent.address() as AddressInfo).port}/api/x`, log);
  for (const count of [1, 2, 1, 0]) protection.runs(count);
  await enough;
  agent.close();
  expect(asked).toEqual([
    'PUT /api/x/task-protection/v1/state {"ProtectionEnabled":true,"ExpiresInMinutes":20}',
    'PUT /api/x/task-protection/v1/state {"ProtectionEnabled":true,"ExpiresInMinutes":20}',
    'PUT /api/x/task-protection/v1/state {"ProtectionEnabled":false}',
  ]);
  expect(warnings).toEqual([]);
});
