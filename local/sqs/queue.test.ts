// Does not prove: the protocol around the queue; sqs.test.ts does, with AWS's own client.
import { describe, expect, it } from "vitest";
import { createQueue } from "./queue";

const queueOf = () => createQueue({ name: "q", visibilitySeconds: 60, retentionSeconds: 100 });

describe("replaying changes", () => {
  it("does not bring a deleted message back by a late update", () => {
    const queue = queueOf();
    queue.apply({ queue: "q", id: "gone", visibleAt: 1, receiveCount: 1 });
    expect(queue.snapshot()).toEqual([]);
  });

  it("onto a snapshot that has them already changes nothing", () => {
    const queue = queueOf();
    const sent = queue.send("body", 0, 0);
    const changes = [sent, { queue: "q", id: sent.id, visibleAt: 5000, receiveCount: 1 }];
    for (const change of [...changes, ...changes]) queue.apply(change);
    expect(queue.snapshot()).toEqual([{ ...sent, visibleAt: 5000, receiveCount: 1 }]);
  });
});

describe("a queue", () => {
  it("changes nothing by itself: only what is applied counts", () => {
    const queue = queueOf();
    queue.apply(queue.send("body", 0, 0));
    const { received } = queue.receive(1, 60, 0);
    expect(received.map(({ body }) => body)).toEqual(["body"]);
    expect(queue.counts(0)).toEqual({ visible: 1, notVisible: 0, delayed: 0 });
  });

  it("knows when its next hidden message becomes visible", () => {
    const queue = queueOf();
    expect(queue.nextVisibleAt(0)).toBe(Number.POSITIVE_INFINITY);
    for (const seconds of [9, 3]) queue.apply(queue.send("body", seconds, 0));
    expect(queue.nextVisibleAt(0)).toBe(3000);
    expect(queue.nextVisibleAt(3000)).toBe(9000);
  });
});
