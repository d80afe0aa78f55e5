import path from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { nativeRequire, projectRoot } from "../../functions/testing/nativeProgram";
import { called, created, type Properties } from "./cloud";
import { unlessStuck } from "./stuck";

/** One resource as the program registered it. */
export interface RecordedResource {
  readonly type: string;
  readonly name: string;
  readonly urn: string;
  readonly props: Properties;
  /** URN of the parent; the stack itself has none. */
  readonly parent: string | undefined;
  readonly custom: boolean;
  /** URNs that this waits for; destroyed in the opposite order. */
  readonly dependencies: readonly string[];
  /** The same by the input that carries them. */
  readonly propertyDependencies: Readonly<Record<string, readonly string[]>>;
  readonly protect: boolean;
  readonly retainOnDelete: boolean;
  readonly deleteBeforeReplace: boolean;
  readonly ignoreChanges: readonly string[];
}

export interface RecordedGraph {
  readonly resources: readonly RecordedResource[];
  /** What the program exported, resolved. */
  readonly outputs: Readonly<Record<string, unknown>>;
}

/** As far as this reads it. Source: @pulumi/pulumi proto/resource_pb RegisterResourceRequest */
interface Registration {
  getType(): string;
  getName(): string;
  getParent(): string;
  getCustom(): boolean;
  getProtect(): boolean;
  getRetainondelete(): boolean;
  getDeletebeforereplace(): boolean;
  getIgnorechangesList(): string[];
  getDependenciesList(): string[];
  getPropertydependenciesMap(): { forEach(each: (value: { getUrnsList(): string[] }, key: string) => void): void };
}

interface Monitor {
  registerResource(
    request: Registration,
    callback: (error: unknown, response?: { getUrn(): string }) => void,
  ): Promise<void>;
}

/** Lets every registration through and keeps what it said; `inputs` are those that the mock was asked with last. */
const recording = (monitor: Monitor, inputs: () => Properties, resources: RecordedResource[]): void => {
  const register = monitor.registerResource.bind(monitor);
  monitor.registerResource = (request, callback) => {
    let props: Properties = {};
    const registered = register(request, (error, response) => {
      if (response !== undefined) resources.push(recorded(request, response.getUrn(), props));
      callback(error, response);
    });
    // The mock is asked before anything is awaited, so its inputs are this request's.
    props = inputs();
    return registered;
  };
};

const recorded = (request: Registration, urn: string, props: Properties): RecordedResource => {
  const propertyDependencies: Record<string, readonly string[]> = {};
  request.getPropertydependenciesMap().forEach((value, key) => {
    propertyDependencies[key] = value.getUrnsList();
  });
  return {
    type: request.getType(),
    name: request.getName(),
    urn,
    props,
    parent: request.getParent() || undefined,
    custom: request.getCustom(),
    dependencies: request.getDependenciesList(),
    propertyDependencies,
    protect: request.getProtect(),
    retainOnDelete: request.getRetainondelete(),
    deleteBeforeReplace: request.getDeletebeforereplace(),
    ignoreChanges: request.getIgnorechangesList(),
  };
};

/** Loads the program after forgetting the project's own modules, so that it runs anew. */
const loading = (program: string) => (): object => {
  const require = nativeRequire();
  const modules = `${path.sep}node_modules${path.sep}`;
  for (const file of Object.keys(require.cache)) {
    if (file.startsWith(projectRoot) && !file.includes(modules)) delete require.cache[file];
  }
  return require(program);
};

/**
 * Runs the program within a stack, all registrations included. What it throws is thrown only after them, and without the
 * resource that a ResourceError carries: whoever prints the error would walk the whole graph for minutes.
 */
const completed = async (run: () => object): Promise<unknown> => {
  let failure: Error | undefined;
  const exported = await pulumi.runtime.runInPulumiStack(async () => {
    try {
      return run();
    } catch (thrown) {
      const { message, stack } = thrown as Error;
      failure = Object.assign(new Error(message), { stack });
      return {};
    }
  });
  await pulumi.runtime.disconnect();
  if (failure !== undefined) throw failure;
  return resolved({ ...(exported as object) });
};

const resolved = (value: unknown): Promise<unknown> =>
  new Promise((resolve) => {
    pulumi.output(value as pulumi.Input<object>).apply(resolve);
  });

export interface RecordOptions {
  readonly project?: string;
  readonly stack?: string;
  /** Answers instead of {@link called}; for programs that ask more. */
  readonly call?: (token: string, inputs: Properties) => Properties;
  /** Stands in for {@link created}; for resources that are not AWS's. */
  readonly create?: (type: string, name: string, inputs: Properties) => { id: string; state: Properties };
}

/**
 * Runs a program as the engine would, without one, and records every registration: inputs, parent, dependencies, options.
 * @param program path from the project's root, loaded natively because callback functions are; or, where there are none,
 * what to run, its result being the exports
 * @throws Error with what the program threw, or with the resources whose inputs never resolve
 */
export const recordGraph = async (
  program: string | (() => object),
  options: RecordOptions = {},
): Promise<RecordedGraph> => {
  const { project = "ddn", stack = "dev", call = called, create = created } = options;
  const resources: RecordedResource[] = [];
  let inputs: Properties = {};
  await pulumi.runtime.setMocks(
    {
      newResource: (resource) => {
        inputs = resource.inputs;
        return resource.custom === false && !resource.type.startsWith("awsx:")
          ? { id: undefined, state: inputs }
          : create(resource.type, resource.name, inputs);
      },
      call: (request) => call(request.token, request.inputs),
    },
    project,
    stack,
    false,
    "organization",
  );
  recording(pulumi.runtime.getMonitor() as unknown as Monitor, () => inputs, resources);
  const run = typeof program === "string" ? loading(program) : program;
  const registered = (): readonly string[] => resources.map(({ type, name }) => `${type} ${name}`);
  const outputs = (await unlessStuck(completed(run), registered)) as Record<string, unknown>;
  return { resources, outputs };
};
