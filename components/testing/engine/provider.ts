import { appendFileSync } from "node:fs";
import * as provider from "@pulumi/pulumi/provider";
import { called, created, type Properties } from "../cloud";

/**
 * Stands in for AWS behind the real engine: keeps nothing, computes what AWS would, and notes every operation as a line of
 * JSON in the file that DDN_OPERATIONS names. It knows no schema, so a wrong argument is not noticed here; types do that.
 */

/** One operation as it is noted. */
export interface Operation {
  readonly does: "create" | "update" | "delete";
  readonly type: string;
  readonly name: string;
}

const typeOf = (urn: string): string => urn.split("::")[2]?.split("$").pop() ?? "";
const nameOf = (urn: string): string => urn.split("::")[3] ?? "";

const note = (does: Operation["does"], urn: string): void => {
  const operation: Operation = { does, type: typeOf(urn), name: nameOf(urn) };
  appendFileSync(process.env.DDN_OPERATIONS as string, `${JSON.stringify(operation)}\n`);
};

const equal = (one: unknown, other: unknown): boolean => JSON.stringify(one) === JSON.stringify(other);

/** Inputs that name a thing: a thing under another name is another thing. */
const naming = ["name", "bucket", "family"];

const make = (urn: string, inputs: Properties): { id: string; outs: Properties } => {
  const { id, state } = created(typeOf(urn), nameOf(urn), inputs);
  return { id, outs: state };
};

const standIn: provider.Provider = {
  version: (require(`@pulumi/${process.env.DDN_PLAYS}/package.json`) as { version: string }).version,
  schema: "{}",
  check: async (_urn, _olds, inputs) => ({ inputs }),
  diff: async (_id, _urn, olds, news) => {
    const changed = Object.keys(news).filter((key) => !equal(olds[key], news[key]));
    return { changes: changed.length > 0, replaces: changed.filter((key) => naming.includes(key)) };
  },
  create: async (urn, inputs) => {
    if (typeOf(urn) === process.env.DDN_FAIL_AT) throw new Error(`${nameOf(urn)} could not be made`);
    note("create", urn);
    return make(urn, inputs);
  },
  update: async (_id, urn, _olds, news) => {
    note("update", urn);
    return { outs: make(urn, news).outs };
  },
  delete: async (_id, urn) => note("delete", urn),
  read: async (id, urn, props) => ({ id, props: make(urn, props ?? {}).outs }),
  invoke: async (token, inputs) => ({ outputs: called(token, inputs) }),
  construct: async (name, type, inputs, options) => {
    if (type !== "awsx:ec2:Vpc") throw new Error(`Expected awsx:ec2:Vpc but received ${type}.`);
    // Loads all of @pulumi/aws, which the other plugins do without.
    const { makeVpc } = require("./vpc") as typeof import("./vpc");
    return makeVpc(name, inputs, options);
  },
};

provider.main(standIn, process.argv.slice(2));
