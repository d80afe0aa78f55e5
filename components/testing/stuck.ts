import * as pulumi from "@pulumi/pulumi";

/** What Pulumi keeps of each resource, beyond its types. Source: @pulumi/pulumi resource.ts */
interface Constructed {
  readonly __pulumiType: string;
  readonly __name: string;
  readonly __childResources?: ReadonlySet<Constructed>;
}

/** Every resource that the program has constructed, the stack first. */
const constructed = (): readonly Constructed[] => {
  const found: Constructed[] = [];
  const visit = (resource: Constructed): void => {
    found.push(resource);
    resource.__childResources?.forEach(visit);
  };
  const stack = pulumi.runtime.getStackResource();
  if (stack !== undefined) visit(stack as unknown as Constructed);
  return found;
};

/** Whether files are still being read, or anything else will come back by itself. */
const isBusy = (): boolean => process.getActiveResourcesInfo().some((kind) => /Req|Immediate/.test(kind));

const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 10));

/** Turns of the event loop, not time: however slow the machine is, each one follows all that could run before it. */
const quietTurns = 100;

/**
 * Waits for what a program does, and gives up once nothing moves any more: Pulumi itself would wait forever for an input
 * that waits for its own resource.
 * @param registered type and name of every resource that has been registered so far
 * @throws Error naming the resources that never were
 */
export const unlessStuck = <T>(work: Promise<T>, registered: () => readonly string[]): Promise<T> => {
  let settled = false;
  const watch = async (): Promise<T> => {
    for (let quiet = 0, count = -1; !settled && quiet < quietTurns; quiet++) {
      await turn();
      if (isBusy() || registered().length !== count) quiet = 0;
      count = registered().length;
    }
    if (settled) return work;
    const known = new Set(registered());
    const waiting = constructed().map(({ __pulumiType, __name }) => `${__pulumiType} ${__name}`);
    const unresolved = waiting.filter((resource) => !known.has(resource));
    throw new Error(
      `Expected every resource to be registered, but inputs of these never resolve: ${unresolved.join(", ") || "none, only an output of the program"}.`,
    );
  };
  const finished = work.finally(() => {
    settled = true;
  });
  return Promise.race([finished, watch()]);
};
