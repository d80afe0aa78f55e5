/** One field of a protobuf message: a number for varints, the bytes for anything with a length. */
export interface Field {
  readonly number: number;
  readonly value: number | Buffer;
}

const varint = 0;
const fixed64 = 1;
const lengthDelimited = 2;
const fixed32 = 5;

const malformed = (): RangeError => new RangeError("not a protobuf message");

/** Varints above 2^53 lose their lowest bits. @returns the number and where it ends */
const varintAt = (bytes: Buffer, start: number): readonly [value: number, end: number] => {
  let value = 0;
  for (let at = start, shift = 0; shift < 70; at++, shift += 7) {
    const byte = bytes[at];
    if (byte === undefined) throw malformed();
    value += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) return [value, at + 1];
  }
  throw malformed();
};

/**
 * Reads the fields of a message in order, fixed-width ones skipped.
 * Source: https://protobuf.dev/programming-guides/encoding/
 * @throws RangeError when the bytes are no protobuf message
 */
export function* fieldsOf(message: Buffer): Generator<Field> {
  let position = 0;
  const readVarint = (): number => {
    const [value, end] = varintAt(message, position);
    position = end;
    return value;
  };
  const advance = (bytes: number): Buffer => {
    const start = position;
    position += bytes;
    if (position > message.length) throw malformed();
    return message.subarray(start, position);
  };

  while (position < message.length) {
    const tag = readVarint();
    const number = Math.floor(tag / 8);
    if (number === 0) throw malformed();
    const wireType = tag % 8;
    if (wireType === varint) yield { number, value: readVarint() };
    else if (wireType === lengthDelimited) yield { number, value: advance(readVarint()) };
    else if (wireType === fixed64) advance(8);
    else if (wireType === fixed32) advance(4);
    else throw malformed();
  }
}

/** The messages (or strings) in every field of that number. */
export const messages = (message: Buffer, number: number): Buffer[] =>
  [...fieldsOf(message)].flatMap((field) =>
    field.number === number && Buffer.isBuffer(field.value) ? [field.value] : [],
  );

/** The last string of that field, as protobuf has it; empty when there is none. */
export const text = (message: Buffer, number: number): string =>
  messages(message, number).at(-1)?.toString("utf8") ?? "";

/** The last varint of that field; 0 when there is none. */
export const integer = (message: Buffer, number: number): number => {
  let found = 0;
  for (const field of fieldsOf(message)) {
    if (field.number === number && typeof field.value === "number") found = field.value;
  }
  return found;
};

/** The integers of a repeated field, packed or not; those below 0 come out near 2^64. */
export const integers = (message: Buffer, number: number): number[] =>
  [...fieldsOf(message)].flatMap((field) => {
    if (field.number !== number) return [];
    if (typeof field.value === "number") return [field.value];
    const values: number[] = [];
    for (let position = 0, value = 0; position < field.value.length; values.push(value)) {
      [value, position] = varintAt(field.value, position);
    }
    return values;
  });

const encodeVarint = (value: number): Buffer => {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  bytes.push(rest);
  return Buffer.from(bytes);
};

/** What goes before the bytes of a field with a length: a message, a string, bytes, packed integers. */
export const fieldHead = (number: number, length: number): Buffer =>
  Buffer.concat([encodeVarint(number * 8 + lengthDelimited), encodeVarint(length)]);

/** A field with a length, of the parts one after another. */
export const lengthField = (number: number, ...parts: readonly (Buffer | string)[]): Buffer => {
  const body = Buffer.concat(parts.map((part) => (typeof part === "string" ? Buffer.from(part) : part)));
  return Buffer.concat([fieldHead(number, body.length), body]);
};

/** A field of one integer from 0 to 2^53. */
export const integerField = (number: number, value: number): Buffer =>
  Buffer.concat([encodeVarint(number * 8 + varint), encodeVarint(value)]);

/** A packed field of integers from 0 to 2^53. */
export const integersField = (number: number, values: readonly number[]): Buffer =>
  lengthField(number, ...values.map(encodeVarint));
