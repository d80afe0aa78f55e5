// Does not prove how a browser reads it; the examples follow RFC 6266 and RFC 8187.
import { describe, expect, it } from "vitest";
import { attachment } from "./disposition";

describe("the disposition of a download", () => {
  it.each([
    ["a/b/scan 1.tif", 'attachment; filename="scan 1.tif"'],
    ["a'(b)+c,d=e@f&g~h!.png", 'attachment; filename="a\'(b)+c,d=e@f&g~h!.png"'],
    ["용접 (1).tif", "attachment; filename=\"__ (1).tif\"; filename*=UTF-8''%EC%9A%A9%EC%A0%91%20%281%29.tif"],
    ["é'*.tif", "attachment; filename=\"_'*.tif\"; filename*=UTF-8''%C3%A9%27%2A.tif"],
    ["\u{20000}.tif", "attachment; filename=\"_.tif\"; filename*=UTF-8''%F0%A0%80%80.tif"],
  ])("of %s", (key, disposition) => {
    expect(attachment(key)).toBe(disposition);
  });
});
