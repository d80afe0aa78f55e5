/** Policy documents of IAM and of resources, read in one shape. */

export interface Statement {
  readonly effect: string;
  readonly actions: readonly string[];
  readonly resources: readonly string[];
  /** `*`, or each account, service or provider that is named. */
  readonly principals: readonly string[];
  readonly conditions: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  /** Whether it names what it does not cover, by NotAction, NotResource or NotPrincipal. */
  readonly inverted: boolean;
}

const list = (value: unknown): readonly string[] =>
  value === undefined || value === null ? [] : Array.isArray(value) ? value.map(String) : [String(value)];

const record = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};

/** JSON, or what it was before. */
export const parsed = (value: unknown): unknown => (typeof value === "string" ? JSON.parse(value) : value);

const principals = (value: unknown): readonly string[] =>
  typeof value === "string" ? [value] : Object.values(record(value)).flatMap(list);

export const statements = (document: unknown): readonly Statement[] => {
  const { Statement: all } = record(parsed(document));
  return (Array.isArray(all) ? all : all === undefined ? [] : [all]).map(record).map((statement) => ({
    effect: String(statement.Effect),
    actions: list(statement.Action),
    resources: list(statement.Resource),
    principals: principals(statement.Principal),
    conditions: record(statement.Condition) as Statement["conditions"],
    inverted: ["NotAction", "NotResource", "NotPrincipal"].some((key) => statement[key] !== undefined),
  }));
};
