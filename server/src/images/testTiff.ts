import { deflateSync } from "node:zlib";

/** For tests: builds TIFFs of every flavour, knowing nothing of the code that is tested. */

export interface TestTag {
  readonly tag: number;
  readonly type: number;
  /** Numbers of a BYTE, SHORT, LONG, LONG8 or RATIONAL tag (two each), or the bytes as they are. */
  readonly values: readonly number[] | Buffer;
}

export interface TestPage {
  readonly width: number;
  readonly height: number;
  /** Interleaved, as stored. */
  readonly samples: ArrayLike<number>;
  readonly channels?: 1 | 3;
  readonly bits?: 8 | 16;
  readonly compression?: number;
  readonly predictor?: boolean;
  readonly planar?: boolean;
  readonly tile?: readonly [width: number, height: number];
  readonly rowsPerStrip?: number;
  /** Replace what the builder would write, or come on top. */
  readonly tags?: readonly TestTag[];
  /** Tags to leave out. */
  readonly without?: readonly number[];
}

export interface TestTiff {
  readonly pages: readonly TestPage[];
  readonly littleEndian?: boolean;
  readonly big?: boolean;
  /** The last directory points to the directory with this index. */
  readonly loopTo?: number;
}

export const short = (tag: number, ...values: number[]): TestTag => ({ tag, type: 3, values });
export const long = (tag: number, ...values: number[]): TestTag => ({ tag, type: 4, values });
export const rational = (tag: number, ...values: number[]): TestTag => ({ tag, type: 5, values });
export const text = (tag: number, value: string | Buffer): TestTag => ({
  tag,
  type: 2,
  values: Buffer.concat([Buffer.from(value), Buffer.alloc(1)]),
});

/** PackBits with runs of up to 128 equal bytes and single bytes between them. */
const packBits = (bytes: Buffer): Buffer => {
  const out: number[] = [];
  for (let at = 0; at < bytes.length; ) {
    let run = 1;
    while (run < 128 && at + run < bytes.length && bytes[at + run] === bytes[at]) run += 1;
    out.push(run === 1 ? 0 : 257 - run, bytes[at] ?? 0);
    at += run;
  }
  return Buffer.from(out);
};

/** LZW as TIFF 6.0 describes the encoder: a table of strings, cleared when it is full. */
const lzw = (bytes: Buffer): Buffer => {
  const out: number[] = [];
  let pending = "";
  let width = 9;
  let table = new Map<string, number>();
  const emit = (code: number) => {
    pending += code.toString(2).padStart(width, "0");
    while (pending.length >= 8) {
      out.push(Number.parseInt(pending.slice(0, 8), 2));
      pending = pending.slice(8);
    }
  };
  const clear = () => {
    emit(256);
    table = new Map(Array.from({ length: 256 }, (_, value) => [String.fromCharCode(value), value]));
    width = 9;
  };
  const codeOf = (known: string) => table.get(known) ?? 0;
  clear();
  let current = "";
  for (const byte of bytes) {
    const longer = current + String.fromCharCode(byte);
    if (table.has(longer)) {
      current = longer;
      continue;
    }
    emit(codeOf(current));
    const next = table.size + 2;
    table.set(longer, next);
    if (next === 511 || next === 1023 || next === 2047) width += 1;
    if (next === 4094) clear();
    current = String.fromCharCode(byte);
  }
  if (current !== "") emit(codeOf(current));
  emit(257);
  return Buffer.from([...out, Number.parseInt(pending.padEnd(8, "0"), 2)]);
};

const compress = (compression: number, bytes: Buffer): Buffer => {
  if (compression === 5) return lzw(bytes);
  if (compression === 32773) return packBits(bytes);
  return compression === 8 || compression === 32946 ? deflateSync(bytes) : bytes;
};

export const buildTiff = ({ pages, littleEndian = true, big = false, loopTo }: TestTiff): Buffer => {
  const number = (bytes: number, value: number): Buffer => {
    const out = Buffer.alloc(bytes);
    for (let index = 0; index < bytes; index += 1) {
      out[littleEndian ? index : bytes - 1 - index] = Math.floor(value / 256 ** index) % 256;
    }
    return out;
  };
  const offsetBytes = big ? 8 : 4;
  const parts: Buffer[] = [];
  let size = 0;
  const append = (bytes: Buffer): number => {
    parts.push(bytes);
    size += bytes.length;
    return size - bytes.length;
  };
  append(Buffer.from(littleEndian ? "II" : "MM"));
  append(big ? Buffer.concat([number(2, 43), number(2, 8), number(2, 0)]) : number(2, 42));
  const links: { part: number; target: number }[] = [{ part: parts.length, target: 0 }];
  append(number(offsetBytes, 0));
  const starts: number[] = [];

  for (const page of pages) {
    const { width, height, channels = 1, bits = 16, compression = 1, predictor = false, planar = false } = page;
    const [blockWidth, blockHeight] = page.tile ?? [width, page.rowsPerStrip ?? height];
    const offsets: number[] = [];
    const counts: number[] = [];
    for (let plane = 0; plane < (planar ? channels : 1); plane += 1) {
      for (let y0 = 0; y0 < height; y0 += blockHeight) {
        for (let x0 = 0; x0 < width; x0 += blockWidth) {
          const rows = page.tile ? blockHeight : Math.min(blockHeight, height - y0);
          const stored: number[] = [];
          for (let y = y0; y < y0 + rows; y += 1) {
            for (let x = x0; x < x0 + blockWidth; x += 1) {
              for (const channel of planar ? [plane] : Array.from({ length: channels }, (_, index) => index)) {
                const at = (column: number) =>
                  column < width && y < height ? (page.samples[(y * width + column) * channels + channel] ?? 0) : 0;
                const before = predictor && x > x0 ? at(x - 1) : 0;
                const value = (at(x) - before + 65536) % (bits === 8 ? 256 : 65536);
                if (bits === 8) stored.push(value);
                else stored.push(...(littleEndian ? [value & 255, value >> 8] : [value >> 8, value & 255]));
              }
            }
          }
          const bytes = compress(compression, Buffer.from(stored));
          offsets.push(append(bytes));
          counts.push(bytes.length);
        }
      }
    }
    const defaults: TestTag[] = [
      long(256, width),
      long(257, height),
      short(258, ...new Array<number>(channels).fill(bits)),
      short(259, compression),
      short(262, channels === 1 ? 1 : 2),
      short(277, channels),
      short(284, planar ? 2 : 1),
      ...(predictor ? [short(317, 2)] : []),
      ...(page.tile
        ? [long(322, blockWidth), long(323, blockHeight), long(324, ...offsets), long(325, ...counts)]
        : [long(273, ...offsets), long(278, blockHeight), long(279, ...counts)]),
    ];
    const extra = page.tags ?? [];
    const all = [...defaults.filter(({ tag }) => !extra.some((other) => other.tag === tag)), ...extra]
      .filter(({ tag }) => !page.without?.includes(tag))
      .sort((one, other) => one.tag - other.tag);
    const entries = all.map(({ tag, type, values }) => {
      const unit = { 1: 1, 3: 2, 4: 4, 5: 4, 16: 8 }[type] ?? 1;
      const value = Buffer.isBuffer(values) ? values : Buffer.concat(values.map((one) => number(unit, one)));
      const count = Buffer.isBuffer(values) ? values.length : values.length / (type === 5 ? 2 : 1);
      const field =
        value.length <= offsetBytes
          ? Buffer.concat([value, Buffer.alloc(offsetBytes - value.length)])
          : number(offsetBytes, append(value));
      return Buffer.concat([number(2, tag), number(2, type), number(offsetBytes, count), field]);
    });
    starts.push(append(Buffer.concat([number(big ? 8 : 2, entries.length), ...entries])));
    links.push({ part: parts.length, target: starts.length });
    append(number(offsetBytes, 0));
  }
  for (const { part, target } of links) {
    parts[part] = number(offsetBytes, starts[target] ?? starts[loopTo ?? -1] ?? 0);
  }
  return Buffer.concat(parts);
};

/** Samples that are all different from their neighbours, and use every bit. */
export const testSamples = (count: number, bits: 8 | 16 = 16): number[] =>
  Array.from(
    { length: count },
    (_, index) => (index * 40503 + (index >> 3) * 257 + 12345) % (bits === 8 ? 256 : 65536),
  );
