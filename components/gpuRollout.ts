import { expected } from "../contract/problem";

/** How many tasks run while one version replaces another, in percent of those wanted. */
export interface DeploymentPercents {
  readonly minimumHealthyPercent: number;
  readonly maximumPercent: number;
}

/**
 * A single GPU has to be let go before the next task can have it; of several, at most half stand still for a while.
 * Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-type-ecs.html
 */
export const deploymentPercents = (gpus: number): DeploymentPercents =>
  gpus === 1 ? { minimumHealthyPercent: 0, maximumPercent: 100 } : { minimumHealthyPercent: 50, maximumPercent: 200 };

/** Whether ECS could put one task of the new version in place: beside the old ones, or for one of them. */
const canReplace = (wanted: number, gpus: number, percents: DeploymentPercents): boolean => {
  const least = Math.ceil((wanted * percents.minimumHealthyPercent) / 100);
  const most = Math.floor((wanted * percents.maximumPercent) / 100);
  const besides = Math.min(most, gpus) > wanted;
  const instead = least < wanted;
  return besides || instead;
};

/** What is wrong with the percents on so many GPUs, if anything is: ECS would wait for a GPU that never comes free. */
export const deploymentProblem = (percents: DeploymentPercents, gpus: number): string | undefined => {
  const numbers = Array.from({ length: gpus }, (_, index) => index + 1);
  const stuck = numbers.find((wanted) => !canReplace(wanted, gpus, percents));
  return stuck === undefined
    ? undefined
    : expected(
        `percents that let ${stuck} of ${gpus} GPUs change to a new version`,
        "deployment",
        `${percents.minimumHealthyPercent}–${percents.maximumPercent} %`,
        "Lower minimumHealthyPercent, or raise maximumPercent and maxInstances.",
      );
};
