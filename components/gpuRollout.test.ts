// Does not prove that ECS rounds as it documents.
import { describe, expect, it } from "vitest";
import { deploymentPercents, deploymentProblem } from "./gpuRollout";

describe("deploymentPercents", () => {
  it("stops the old task first where there is one GPU, and keeps half where there are more", () => {
    expect(deploymentPercents(1)).toEqual({ minimumHealthyPercent: 0, maximumPercent: 100 });
    expect(deploymentPercents(2)).toEqual({ minimumHealthyPercent: 50, maximumPercent: 200 });
  });

  it("never waits for a GPU that does not come free, however many tasks run", () => {
    for (let gpus = 1; gpus <= 100; gpus += 1) {
      expect(deploymentProblem(deploymentPercents(gpus), gpus)).toBeUndefined();
    }
  });
});

describe("deploymentProblem", () => {
  it.each([
    [{ minimumHealthyPercent: 100, maximumPercent: 200 }, 1, 1],
    [{ minimumHealthyPercent: 100, maximumPercent: 200 }, 2, 2],
    [{ minimumHealthyPercent: 100, maximumPercent: 100 }, 4, 1],
    [{ minimumHealthyPercent: 50, maximumPercent: 150 }, 2, 1],
  ])("refuses %j on %i GPUs, where %i would wait for ever", (percents, gpus, stuck) => {
    const { minimumHealthyPercent, maximumPercent } = percents;
    expect(deploymentProblem(percents, gpus)).toBe(
      `Expected percents that let ${stuck} of ${gpus} GPUs change to a new version for \`deployment\` but received ` +
        `"${minimumHealthyPercent}–${maximumPercent} %". Lower minimumHealthyPercent, or raise maximumPercent and maxInstances.`,
    );
  });

  it("takes percents that stop one before the next starts", () => {
    expect(deploymentProblem({ minimumHealthyPercent: 0, maximumPercent: 100 }, 3)).toBeUndefined();
  });
});
