// Does not prove that a server reports in time; that is the server's own test.

import type { S3Client } from "@aws-sdk/client-s3";
import { describe, expect, it, vi } from "vitest";
import { freshServices } from "./service";

const secondsAgo = (seconds: number): Date => new Date(Date.now() - seconds * 1000);

describe("fresh services", () => {
  it("are those of the last 90 s, from every page of the listing", async () => {
    const pages = [
      {
        Contents: [
          { Key: ".ddn/service/old.json", LastModified: secondsAgo(100) },
          { Key: ".ddn/service/a.json", LastModified: secondsAgo(80) },
        ],
        NextContinuationToken: "more",
      },
      { Contents: [{ Key: ".ddn/service/b.json", LastModified: secondsAgo(0) }] },
    ];
    const send = vi.fn(async ({ input }: { input: { Key?: string; ContinuationToken?: string } }) => {
      if (input.Key === undefined) return input.ContinuationToken === "more" ? pages[1] : pages[0];
      const record = JSON.stringify({ instance: input.Key });
      return { Body: { transformToString: async () => record } };
    });

    const found = await freshServices({ send } as unknown as S3Client, "out", AbortSignal.timeout(1000));

    expect(found).toEqual([{ instance: ".ddn/service/a.json" }, { instance: ".ddn/service/b.json" }]);
  });
});
