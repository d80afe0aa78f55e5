/** One statement of an IAM policy, resolved. */
export interface Statement {
  readonly Sid?: string;
  readonly Effect: "Allow" | "Deny";
  readonly Action?: readonly string[];
  /** Instead of `Action`: all but these. */
  readonly NotAction?: readonly string[];
  readonly Resource: readonly string[];
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, string | readonly string[]>>>>;
}

/** How most services call it. */
export const tagging = ["TagResource", "UntagResource"];

/** @param actions without the service: `Describe*` */
export const allow = (
  service: string,
  actions: readonly string[],
  resources: readonly string[],
  condition?: Statement["Condition"],
): Statement => ({
  Effect: "Allow",
  Action: actions.map((action) => `${service}:${action}`),
  Resource: resources,
  ...(condition === undefined ? {} : { Condition: condition }),
});

export const policyDocument = (statements: readonly Statement[]): string =>
  JSON.stringify({ Version: "2012-10-17", Statement: statements });
