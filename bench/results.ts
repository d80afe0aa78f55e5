import type { Finding } from "./finding";
import type { Bench, Row } from "./row";
import { tableOf } from "./table";

/** What became of a row: its findings, or why there are none. */
export type RowResult =
  | { readonly row: Pick<Row, "name" | "title">; readonly findings: readonly Finding[] }
  | { readonly row: Pick<Row, "name" | "title">; readonly skipped: string };

const section = (result: RowResult): string => {
  const { name, title } = result.row;
  const body = "findings" in result ? tableOf(result.findings) : `Not measured. ${result.skipped}`;
  return `## ${title}\n\n${body}\n\n\`npm run bench -- --only ${name}\``;
};

/** The document that a run of the benchmarks writes. */
export const resultsDocument = (
  results: readonly RowResult[],
  machine: readonly string[],
  date: Date,
  { quick, rounds, seconds }: Pick<Bench, "quick" | "rounds" | "seconds">,
): string =>
  [
    "# Benchmarks",
    ...(quick ? ["**A quick run: it shows that every row runs. The figures mean nothing.**"] : []),
    `Measured on ${date.toISOString().slice(0, 10)}; alternatives in turns, ${rounds} rounds of ${seconds} s.`,
    machine.map((line) => `- ${line}`).join("\n"),
    "Medians, with the least and the most of all runs in parentheses. How each row is measured, and why a goal is missed: [README.md](README.md).",
    ...results.map(section),
  ]
    .join("\n\n")
    .concat("\n");
