import type { Engine } from "../server/src/engines/engine";
import type { OnnxSession } from "../server/src/engines/onnxSession";
import type { TestPage } from "./modelCheckPages";

/** What the checks share. */
export interface Bench {
  /** The model as the server runs it, on one thread. */
  readonly engine: Engine;
  /** The same model for what the server never asks of one engine call: batches, and whole pages as reference. */
  readonly session: OnnxSession;
  readonly signal: AbortSignal;
}

/** A property that a model of the contract has. */
export interface ModelProperty {
  /** Stable, for `--json`. */
  readonly code: string;
  /** A sentence of what holds. */
  readonly name: string;
  /** Rejects where the property does not hold. */
  measure(bench: Bench): Promise<Measurement>;
}

interface Measurement {
  /** What was found. */
  readonly detail?: string;
  /** It is worth knowing, and no property that could fail. @default false */
  readonly isNote?: boolean;
}

/** @throws Error that says what was expected, what came and what to do, unless the property holds */
export const expect = (holds: boolean, what: string, came: string, remedy: string): void => {
  if (!holds) throw new Error(`Expected ${what} but received ${came}. ${remedy}`);
};

/** Two runs of one sum may round the other way. */
export const roundingSteps = 1;

export const steps = (count: number): string => `${count} ${count === 1 ? "step" : "steps"}`;

export const largestDifference = (one: ArrayLike<number>, other: ArrayLike<number>): number => {
  let largest = 0;
  for (let index = 0; index < one.length; index++) largest = Math.max(largest, Math.abs(one[index] - other[index]));
  return largest;
};

/** The tile size of the golden image. */
export const sizeOf = (engine: Engine): number =>
  engine.model.tileSizes.find((size) => size >= 128) ?? engine.model.tileSizes[engine.model.tileSizes.length - 1];

export const runPage = ({ engine, signal }: Bench, { tile, params }: TestPage): Promise<Uint16Array> =>
  engine.denoise(tile, params, signal);
