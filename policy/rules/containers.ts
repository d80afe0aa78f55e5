import { parsed } from "../document";
import { type Props, type Rule, resourceRule } from "../rule";

/** A container definition, as far as the rules read it. */
interface Container {
  readonly name: string;
  readonly image?: string;
  readonly privileged?: boolean;
  readonly user?: string;
  readonly readonlyRootFilesystem?: boolean;
  readonly stopTimeout?: number;
  readonly environment?: readonly { readonly name: string }[];
  readonly portMappings?: readonly { readonly containerPort?: number; readonly hostPort?: number }[];
  readonly linuxParameters?: { readonly capabilities?: { readonly add?: string[]; readonly drop?: string[] } };
  readonly logConfiguration?: { readonly logDriver?: string; readonly options?: Readonly<Record<string, string>> };
}

const taskDefinition = "aws:ecs/taskDefinition:TaskDefinition";

/** Ports of the engine, which only its task may reach. */
export const innerPorts: readonly number[] = [50201, 58202];

const containers = ({ containerDefinitions }: Props<typeof taskDefinition>): readonly Container[] =>
  (parsed(containerDefinitions) as Container[] | undefined) ?? [];

const containerRule = (name: string, description: string, fault: (container: Container) => string | false): Rule =>
  resourceRule(taskDefinition, { name, description }, (task) =>
    containers(task).map((container) => {
      const said = fault(container);
      return said && `container ${container.name} ${said}`;
    }),
  );

export const containerRules: readonly Rule[] = [
  containerRule(
    "container-unprivileged",
    "No container is privileged (FSBP ECS.4).",
    ({ privileged }) => privileged === true && "is privileged",
  ),
  containerRule(
    "container-user",
    "No container runs as root (FSBP ECS.20).",
    ({ user }) => (user === undefined || /^(0|root)?(:|$)/.test(user)) && "runs as root",
  ),
  containerRule(
    "container-root-read-only",
    "No container can change its own files (FSBP ECS.5).",
    ({ readonlyRootFilesystem }) => readonlyRootFilesystem !== true && "can write to its root file system",
  ),
  containerRule(
    "container-drops-capabilities",
    "Every container gives up all capabilities and takes none.",
    ({ linuxParameters }) =>
      (linuxParameters?.capabilities?.drop?.includes("ALL") !== true ||
        (linuxParameters.capabilities.add ?? []).length > 0) &&
      "keeps capabilities",
  ),
  containerRule(
    "container-logs-never-block",
    "Every container logs, and never waits for it (FSBP ECS.9).",
    ({ logConfiguration }) =>
      (logConfiguration?.logDriver !== "awslogs" ||
        logConfiguration.options?.mode !== "non-blocking" ||
        logConfiguration.options["max-buffer-size"] === undefined) &&
      "has no awslogs in non-blocking mode with a buffer",
  ),
  containerRule(
    "container-stops-in-time",
    "Every container has time to drain, and less than the 120 s that ECS and Spot leave it.",
    ({ stopTimeout }) =>
      (stopTimeout === undefined || stopTimeout < 30 || stopTimeout > 110) && "does not stop within 30 to 110 s",
  ),
  containerRule(
    "container-image-by-digest",
    "Every container names its image by digest, so that what was tested is what runs.",
    ({ image }) => !/@sha256:[0-9a-f]{64}$/.test(image ?? "") && "names no image by digest",
  ),
  containerRule(
    "container-environment-open",
    "No container takes a secret from its environment (FSBP ECS.8).",
    ({ environment = [] }) => {
      const secret = environment.find(({ name }) => /SECRET|TOKEN|PASSWORD|KEY$/i.test(name));
      return secret !== undefined && `takes ${secret.name} from its environment`;
    },
  ),
  containerRule(
    "container-inner-ports-closed",
    "No container publishes a port of the engine.",
    ({ portMappings = [] }) => {
      const open = portMappings
        .flatMap(({ containerPort, hostPort }) => [containerPort, hostPort])
        .find((port) => port !== undefined && innerPorts.includes(port));
      return open !== undefined && `publishes port ${open}`;
    },
  ),
  resourceRule(
    taskDefinition,
    {
      name: "task-apart-from-host",
      description: "No task shares its host's network, processes or memory (FSBP ECS.3, ECS.17).",
    },
    ({ networkMode, pidMode, ipcMode }) => [
      (networkMode === "host" || networkMode === undefined) &&
        "shares its host's network or does not say that it does not",
      pidMode === "host" && "shares its host's processes",
      ipcMode === "host" && "shares its host's memory",
    ],
  ),
  resourceRule(
    taskDefinition,
    { name: "task-roles-differ", description: "What starts a task may not act as it." },
    ({ taskRoleArn, executionRoleArn }) => [
      (taskRoleArn === undefined || executionRoleArn === undefined || taskRoleArn === executionRoleArn) &&
        "has no two roles of its own",
    ],
  ),
  resourceRule(
    "aws:ecs/service:Service",
    { name: "service-rolls-back", description: "A deployment that fails is rolled back by itself." },
    ({ deploymentCircuitBreaker: breaker }) => [
      (breaker?.enable !== true || breaker.rollback !== true) && "does not roll back",
    ],
  ),
  resourceRule(
    "aws:ecs/service:Service",
    { name: "service-without-public-address", description: "No task has a public address (FSBP ECS.2)." },
    ({ networkConfiguration }) => [networkConfiguration?.assignPublicIp === true && "gives its tasks public addresses"],
  ),
];
