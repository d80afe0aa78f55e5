// Does not prove what API Gateway adds to an answer, nor how long a cold start takes.
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { SendMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { type ServiceRecord, serviceKey } from "../contract/job";
import { version } from "../contract/version";
import { pingHandler } from "./ping";
import type { ClientSettings } from "./settings";
import { bodyOf, eventOf } from "./testing/events";
import { startTwin, type TestTwin } from "./testing/twin";

let twin: TestTwin;
let silent: Server;
let silentUrl: string;

beforeAll(async () => {
  twin = await startTwin();
  silent = createServer(() => {});
  await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
  silentUrl = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`;
});
afterAll(async () => {
  silent.closeAllConnections();
  silent.close();
  await twin.close();
});
afterEach(async () => {
  await twin.messages();
  for (const key of await twin.keys("out")) await twin.remove("out", key);
});

const ping = async (clients: ClientSettings = twin.clientsOf("ping")): Promise<Record<string, unknown>> => {
  const { outBucket, queueUrl } = twin;
  const result = await pingHandler({ outBucket, queueUrl, clients })(eventOf("GET /ping"));
  expect(result).toMatchObject({
    statusCode: 200,
    headers: { "content-type": "application/json", "cache-control": "no-store" },
  });
  return bodyOf(result);
};

const report = (instance: string, ready: boolean): Promise<unknown> => {
  const record: ServiceRecord = { instance, ready, since: "2026-11-23T00:00:00Z", version };
  return twin.put("out", serviceKey(instance), JSON.stringify(record));
};

const submit = (): Promise<unknown> =>
  new SQSClient(twin.clientsOf("jobs").sqs).send(
    new SendMessageCommand({ QueueUrl: twin.queueUrl, MessageBody: "{}" }),
  );

describe("GET /ping", () => {
  it("says asleep where no server reports and no work waits", async () => {
    expect(await ping()).toEqual({
      status: "ok",
      version,
      service: "asleep",
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
    });
  });

  it("says starting when work waits and no server reports", async () => {
    await submit();
    expect(await ping()).toMatchObject({ service: "starting" });
  });

  it("says starting when servers report but none is ready", async () => {
    await report("server-1", false);
    expect(await ping()).toMatchObject({ service: "starting" });
  });

  it("says ready when one of the servers is", async () => {
    await report("server-1", false);
    await report("server-2", true);
    await report("server-3", false);
    expect(await ping()).toMatchObject({ service: "ready" });
  });

  it("answers when S3 hangs, and names it", async () => {
    const log = vi.spyOn(console, "error").mockReturnValue();
    await submit();
    const { s3, sqs } = twin.clientsOf("ping");
    expect(await ping({ s3: { ...s3, endpoint: silentUrl }, sqs })).toMatchObject({
      status: "ok",
      service: "starting",
      unavailable: ["s3"],
    });
    expect(JSON.parse(String(log.mock.lastCall))).toMatchObject({ service: "S3", status: 0 });
    log.mockRestore();
  });

  it("answers when nothing is there or allowed, and names both", async () => {
    const log = vi.spyOn(console, "error").mockReturnValue();
    const { s3 } = twin.clientsOf("ping");
    const { sqs } = twin.clientsOf("presign");
    expect(await ping({ s3: { ...s3, endpoint: "http://127.0.0.1:9" }, sqs })).toMatchObject({
      status: "ok",
      service: "asleep",
      unavailable: ["s3", "sqs"],
    });
    expect(log).toHaveBeenCalledTimes(2);
    log.mockRestore();
  });
});
