/** The stacks whose files lie in the repository; `pr` is only the template of review stacks. */
export const stackNames = ["dev", "prod", "pr"] as const;
export type StackName = (typeof stackNames)[number];

/** How the rights to deploy one stack differ from those of another; follows Pulumi.<stack>.yaml. */
export interface StackRights {
  /** The stacks' names as the services know them; review stacks are one for each pull request. */
  readonly stackPattern: string;
  /** Whether it makes the VPC it lives in. */
  readonly createsNetwork: boolean;
  /** Whether its images are its users' and no deployment may delete one. */
  readonly keepsData: boolean;
}

export const stackRights: Readonly<Record<StackName, StackRights>> = {
  dev: { stackPattern: "dev", createsNetwork: true, keepsData: false },
  prod: { stackPattern: "prod", createsNetwork: false, keepsData: true },
  pr: { stackPattern: "pr-*", createsNetwork: true, keepsData: false },
};
