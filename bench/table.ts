import { type Finding, type Goal, missedBy } from "./finding";
import type { Spread } from "./statistics";

/** Three significant digits, none of them an exponent. */
export const written = (value: number): string => {
  if (!Number.isFinite(value)) return String(value);
  const digits = value === 0 ? 0 : Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  return value.toFixed(Math.min(digits, 6));
};

const spread = ({ median, min, max }: Spread, unit: string, runs: number): string => {
  const behind = unit === "" ? "" : ` ${unit}`;
  return runs === 1 ? `${written(median)}${behind}` : `${written(median)}${behind} (${written(min)}–${written(max)})`;
};

const wanted = ({ is, limit, of }: Goal, unit: string): string =>
  `${is === "at least" ? "≥" : "≤"} ${written(limit)}${unit === "" ? "" : ` ${unit}`}${of === undefined ? "" : `: ${of}`}`;

const verdict = (finding: Finding): string => {
  if (finding.goal === undefined) return "";
  const missed = missedBy(finding);
  if (missed === undefined) return "yes";
  return Number.isFinite(missed) ? `**no, by ${written(100 * missed)} %**` : "**no**";
};

const cell = (text: string): string => text.replaceAll("|", "\\|").replaceAll("\n", " ");

/** Findings as a Markdown table: what, median with the least and the most of how many runs, the goal and whether it is reached. */
export const tableOf = (findings: readonly Finding[]): string => {
  const head = ["what", "measured: median (least–most)", "runs", "goal", "reached", "where the time goes"];
  const lines = findings.map((finding) => {
    const { what, unit, measured, runs, goal, where = "" } = finding;
    const sought = goal === undefined ? "" : wanted(goal, unit);
    return [what, spread(measured, unit, runs), String(runs), sought, verdict(finding), where];
  });
  return [head, head.map(() => "---"), ...lines].map((cells) => `| ${cells.map(cell).join(" | ")} |`).join("\n");
};
