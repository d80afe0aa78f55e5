import type { Finding } from "./finding";

/** How this run of the benchmarks goes about it. */
export interface Bench {
  /** Only shows that everything runs: the figures mean nothing. */
  readonly quick: boolean;
  /** How often each alternative is measured, in turns. */
  readonly rounds: number;
  /** Of each measurement under load. */
  readonly seconds: number;
  readonly soakMinutes: number;
  /** Folder for the twin's data and the images, removed at the end. */
  readonly folder: string;
  /** Folder for what is kept beside the table. */
  readonly results: string;
  /** Folder for V8 profiles of the server; absent where none is asked for. */
  readonly profile?: string;
  /** Tells what happens. */
  readonly progress: (line: string) => void;
}

/** One row of the benchmarks, by the name that `--only` takes. */
export interface Row {
  readonly name: string;
  readonly title: string;
  /** What it needs that is not there and how to get it, in one line. */
  readonly missing?: () => string | undefined;
  readonly run: (bench: Bench) => Promise<readonly Finding[]>;
}
