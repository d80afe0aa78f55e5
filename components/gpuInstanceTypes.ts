import { expected } from "../contract/problem";

/** What the platform must know of a GPU instance type. */
export interface GpuInstanceType {
  readonly vCpus: number;
  readonly memoryGib: number;
  readonly gpus: number;
  readonly gpu: "T4" | "A10G" | "L4" | "L40S";
}

/** The sizes that have the same vCPUs and GPUs in all these families; their memory follows the vCPUs. */
const sizes = {
  xlarge: { vCpus: 4, gpus: 1 },
  "2xlarge": { vCpus: 8, gpus: 1 },
  "4xlarge": { vCpus: 16, gpus: 1 },
  "8xlarge": { vCpus: 32, gpus: 1 },
  "12xlarge": { vCpus: 48, gpus: 4 },
  "16xlarge": { vCpus: 64, gpus: 1 },
} as const;

const largeSizes = {
  "24xlarge": { vCpus: 96, gpus: 4 },
  "48xlarge": { vCpus: 192, gpus: 8 },
} as const;

const family = (
  name: string,
  gpu: GpuInstanceType["gpu"],
  gibPerVCpu: number,
  of: Readonly<Record<string, { readonly vCpus: number; readonly gpus: number }>>,
): Record<string, GpuInstanceType> =>
  Object.fromEntries(
    Object.entries(of).map(([size, { vCpus, gpus }]) => [
      `${name}.${size}`,
      { vCpus, memoryGib: vCpus * gibPerVCpu, gpus, gpu },
    ]),
  );

/**
 * x86 instance types whose GPU Triton still supports (compute capability 7.5 and later), by name.
 * Source: https://docs.aws.amazon.com/ec2/latest/instancetypes/ac.html, read 2026-11
 */
export const gpuInstanceTypes: Readonly<Record<string, GpuInstanceType>> = {
  ...family("g4dn", "T4", 4, { ...sizes, metal: { vCpus: 96, gpus: 8 } }),
  ...family("g5", "A10G", 4, { ...sizes, ...largeSizes }),
  ...family("g6", "L4", 4, { ...sizes, ...largeSizes }),
  ...family("g6e", "L40S", 8, { ...sizes, ...largeSizes }),
};

const singleGpuTypes = (gpu?: GpuInstanceType["gpu"]): string =>
  Object.entries(gpuInstanceTypes)
    .filter(([, type]) => type.gpus === 1 && (gpu === undefined || type.gpu === gpu))
    .map(([name]) => name)
    .join(", ");

/**
 * What is wrong with a list of instance types, if anything is. One instance runs one task, which takes one GPU; and all
 * have the same GPU, so that a job's pixels and its time do not depend on where it ran.
 */
export const instanceTypesProblem = (names: readonly string[]): string | undefined => {
  const [first] = names;
  if (first === undefined) return expected("one instance type at least", "instanceTypes", names);
  for (const name of names) {
    const type = gpuInstanceTypes[name];
    if (type === undefined) {
      return expected("known GPU instance types", "instanceTypes", name, `With one GPU each: ${singleGpuTypes()}.`);
    }
    if (type.gpus !== 1) {
      return expected(
        "types with one GPU",
        "instanceTypes",
        name,
        `It has ${type.gpus}, and all but one would idle: a task takes one. Choose among ${singleGpuTypes(type.gpu)}.`,
      );
    }
    const { gpu } = gpuInstanceTypes[first];
    if (type.gpu !== gpu) {
      return expected(
        `types with the GPU of ${first} (${gpu})`,
        "instanceTypes",
        name,
        `Its GPU is ${type.gpu}. Choose among ${singleGpuTypes(gpu)}.`,
      );
    }
  }
  return undefined;
};
