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

/**
 * Reads the fields of a message in order, fixed-width ones skipped.
 * Varints above 2^53 lose their lowest bits; ONNX has none that matter here.
 * Source: https://protobuf.dev/programming-guides/encoding/
 * @throws RangeError when the bytes are no protobuf message
 */
export function* fieldsOf(message: Buffer): Generator<Field> {
  let position = 0;
  const readVarint = (): number => {
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = message[position++];
      if (byte === undefined) throw malformed();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw malformed();
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
