import type { Spread } from "./statistics";

/** What is to be reached; `of` says what the limit was made of where it follows from other figures. */
export interface Goal {
  readonly limit: number;
  readonly is: "at least" | "at most";
  readonly of?: string;
}

/** One line of the table. */
export interface Finding {
  /** Such as `512², 4 at a time, images/s`. */
  readonly what: string;
  readonly unit: string;
  readonly measured: Spread;
  /** How many runs the spread is over. */
  readonly runs: number;
  /** Absent where the figure is for information. */
  readonly goal?: Goal;
  /** What the profile shows: stages and processes with what each of them took. */
  readonly where?: string;
}

/** How far a goal was missed, as a share of it: 0.2 is a fifth. Undefined when it was reached. */
export const missedBy = ({ measured: { median }, goal }: Pick<Finding, "measured" | "goal">): number | undefined => {
  if (goal === undefined) return undefined;
  const short = goal.is === "at least" ? goal.limit - median : median - goal.limit;
  return short <= 0 ? undefined : short / goal.limit;
};
