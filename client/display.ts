/** Where the command writes: a terminal, a pipe, or a test. */
export interface Output {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/** Shows what runs: one live line for each on a terminal, one line for each change of stage elsewhere. */
export interface Display {
  /** `stage` is what is being done, `detail` how far it is. */
  update(name: string, stage: string, detail: string): void;
  /** Takes the live line away and leaves this text. */
  finish(name: string, text: string): void;
  line(text: string): void;
}

const wide = /[\p{Script=Hangul}\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\u3000-\u303f\uff00-\uff60]/u;

/** Cuts a text to what fits into so many columns; Korean letters take two. */
export const fitted = (text: string, columns: number): string => {
  let used = 0;
  let fits = "";
  for (const letter of text.normalize("NFC")) {
    const width = wide.test(letter) ? 2 : 1;
    if (used + width > columns - 1) return `${fits}…`;
    used += width;
    fits += letter;
  }
  return fits;
};

const redrawEveryMs = 80;

const liveDisplay = (output: Output): Display => {
  const lines = new Map<string, string>();
  let drawn = 0;
  let drawnAt = 0;
  const draw = (above: string) => {
    const up = drawn === 0 ? "" : `\x1b[${drawn}A`;
    const live = [...lines.values()].map((line) => `${fitted(line, output.columns ?? 80)}\n`).join("");
    output.write(`${up}\x1b[J${above}${live}`);
    drawn = lines.size;
    drawnAt = Date.now();
  };
  return {
    update: (name, stage, detail) => {
      const isNew = !lines.has(name);
      lines.set(name, `  ${stage.padEnd(12)} ${name}  ${detail}`);
      if (isNew || Date.now() - drawnAt >= redrawEveryMs) draw("");
    },
    finish: (name, text) => {
      lines.delete(name);
      draw(`${text}\n`);
    },
    line: (text) => draw(`${text}\n`),
  };
};

/** Over in a moment, and all that happens to a file that is skipped: not worth a line that stays. */
const fleeting = "reading";

const plainDisplay = (output: Output): Display => {
  const stages = new Map<string, string>();
  return {
    update: (name, stage) => {
      if (stage === fleeting || stages.get(name) === stage) return;
      stages.set(name, stage);
      output.write(`${stage} ${name}\n`);
    },
    finish: (name, text) => {
      stages.delete(name);
      output.write(`${text}\n`);
    },
    line: (text) => output.write(`${text}\n`),
  };
};

export const displayOn = (output: Output): Display =>
  output.isTTY === true ? liveDisplay(output) : plainDisplay(output);
