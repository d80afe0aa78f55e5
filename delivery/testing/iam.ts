import type { Statement } from "../statement";

type Context = Readonly<Record<string, string>>;

const matches = (pattern: string, value: string): boolean =>
  new RegExp(
    `^${pattern
      .split("*")
      .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"))
      .join(".*")}$`,
  ).test(value);

const anyOf = (values: string | readonly string[], test: (value: string) => boolean): boolean =>
  [values].flat().some((value) => test(value as string));

/** As AWS compares, for the operators that these policies use; a key that is absent fails all but the negated one. */
const operators: Readonly<
  Record<string, (expected: string | readonly string[], found: string | undefined) => boolean>
> = {
  StringEquals: (expected, found) => found !== undefined && anyOf(expected, (each) => each === found),
  StringNotEquals: (expected, found) => !anyOf(expected, (each) => each === found),
  StringLike: (expected, found) => found !== undefined && anyOf(expected, (each) => matches(each, found)),
  ArnEquals: (expected, found) => found !== undefined && anyOf(expected, (each) => each === found),
};

const holds = (condition: Statement["Condition"], context: Context): boolean =>
  Object.entries(condition ?? {}).every(([operator, keys]) =>
    Object.entries(keys).every(([key, expected]) => {
      const test = operators[operator];
      if (test === undefined) throw new Error(`Expected an operator that is known but received ${operator}.`);
      return test(expected, context[key]);
    }),
  );

/** Names of actions know no case. */
const named = (actions: readonly string[], action: string): boolean =>
  actions.some((each) => matches(each.toLowerCase(), action.toLowerCase()));

/** Whether IAM would let a call pass: some statement allows it, and none denies it. */
export const isAllowed = (
  statements: readonly Statement[],
  action: string,
  resource: string,
  context: Context = {},
): boolean => {
  const speaking = statements.filter(
    (statement) =>
      (statement.NotAction === undefined
        ? named(statement.Action ?? [], action)
        : !named(statement.NotAction, action)) &&
      statement.Resource.some((each) => matches(each, resource)) &&
      holds(statement.Condition, context),
  );
  return speaking.length > 0 && speaking.every(({ Effect }) => Effect === "Allow");
};
