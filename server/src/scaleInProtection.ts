import type { Log } from "./jobs/runs";

/** Asks ECS not to end this task in a scale-in while it runs jobs. */
export interface ScaleInProtection {
  /** Told how many runs there are, whenever that changes. */
  runs(count: number): void;
}

/** Longer than a run may take; ECS forgets the protection then, should this process have died. */
const expiresInMinutes = 20;
const deadlineMilliseconds = 5000;

/**
 * Each run that starts renews the protection and the last that ends lifts it.
 * @param agentUri `ECS_AGENT_URI`, which ECS gives each container; without it nothing is asked
 * Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-scale-in-protection-endpoint.html
 */
export const createScaleInProtection = (agentUri: string | undefined, log: Log): ScaleInProtection => {
  if (agentUri === undefined) return { runs: () => {} };
  let known = 0;
  /** One request after another, so that the last one told is the last one heard. */
  let tail: Promise<void> = Promise.resolve();

  const ask = async (protect: boolean): Promise<void> => {
    const response = await fetch(`${agentUri}/task-protection/v1/state`, {
      method: "PUT",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({
        ProtectionEnabled: protect,
        ...(protect ? { ExpiresInMinutes: expiresInMinutes } : {}),
      }),
      signal: AbortSignal.timeout(deadlineMilliseconds),
    });
    await response.body?.cancel();
    if (!response.ok) throw new Error(`Expected ECS to take the protection but received ${response.status}.`);
  };

  return {
    runs: (count) => {
      const started = count > known;
      const lifted = count === 0 && known > 0;
      known = count;
      if (!started && !lifted) return;
      tail = tail
        .then(() => ask(started))
        .catch((error: unknown) => log.warn({ err: error }, "the scale-in protection could not be set"));
    },
  };
};
