// Does not prove that Triton or ONNX use these encodings (test/triton, metadata.test.ts), only the encodings themselves.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fieldHead, integer, integerField, integers, integersField, lengthField, messages, text } from "./protobuf";

describe("protobuf", () => {
  // Examples of https://protobuf.dev/programming-guides/encoding/
  it("writes what its guide shows", () => {
    expect(integerField(1, 150).toString("hex")).toBe("089601");
    expect(lengthField(2, "testing").toString("hex")).toBe("120774657374696e67");
    expect(integersField(6, [3, 270, 86_942]).toString("hex")).toBe("3206038e029ea705");
  });

  it("announces bytes that follow", () => {
    expect(Buffer.concat([fieldHead(7, 300), Buffer.alloc(300)])).toEqual(lengthField(7, Buffer.alloc(300)));
  });

  it("reads integers, packed or not", () => {
    const packed = integersField(3, [1, 512]);
    const single = integerField(3, 70_000);
    expect(integers(Buffer.concat([packed, single, integerField(4, 1)]), 3)).toEqual([1, 512, 70_000]);
  });

  it("reads back whatever it wrote", () => {
    const number = fc.integer({ min: 1, max: 2 ** 29 - 1 });
    const value = fc.maxSafeNat();
    fc.assert(
      fc.property(number, value, fc.array(value), fc.string({ unit: "grapheme" }), (field, one, many, word) => {
        expect(integer(integerField(field, one), field)).toBe(one);
        expect(integers(integersField(field, many), field)).toEqual(many);
        expect(text(lengthField(field, word), field)).toBe(word);
        expect(messages(lengthField(field, word, integerField(1, one)), field).length).toBe(1);
      }),
    );
  });

  it("refuses packed integers that break off", () => {
    expect(() => integers(lengthField(1, Buffer.of(1, 0x80)), 1)).toThrow("not a protobuf message");
  });
});
