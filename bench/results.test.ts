// Does not prove that any row measures what its title says.
import { describe, expect, it } from "vitest";
import { resultsDocument } from "./results";

const finding = { what: "a request", unit: "ms", measured: { median: 1, min: 1, max: 2 }, runs: 3 };
const row = (name: string) => ({ name, title: `The row ${name}` });
const settings = { quick: false, rounds: 3, seconds: 10 };

describe("the results", () => {
  it("say when, on what and how they came about, and what could not be measured", () => {
    const results = [
      { row: row("one"), findings: [finding] },
      { row: row("two"), skipped: "There is no Triton." },
    ];
    const text = resultsDocument(results, ["2 cores", "Node 20"], new Date("2026-11-23T12:00:00Z"), settings);
    expect(text.split("\n\n")).toEqual([
      "# Benchmarks",
      "Measured on 2026-11-23; alternatives in turns, 3 rounds of 10 s.",
      "- 2 cores\n- Node 20",
      "Medians, with the least and the most of all runs in parentheses. How each row is measured, and why a goal is missed: [README.md](README.md).",
      "## The row one",
      expect.stringContaining("| a request | 1.00 ms (1.00–2.00) | 3 |"),
      "`npm run bench -- --only one`",
      "## The row two",
      "Not measured. There is no Triton.",
      "`npm run bench -- --only two`\n",
    ]);
  });

  it("say of a quick run that it means nothing", () => {
    expect(resultsDocument([], [], new Date(0), { ...settings, quick: true })).toContain("The figures mean nothing.");
    expect(resultsDocument([], [], new Date(0), settings)).not.toContain("The figures mean nothing.");
  });
});
