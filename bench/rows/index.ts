import type { Row } from "../row";
import { cpuEngine } from "./cpuEngine";
import { growth } from "./growth";
import { latency } from "./latency";
import { memory } from "./memory";
import { overload } from "./overload";
import { presign } from "./presign";
import { simulatedGpu } from "./simulatedGpu";
import { soak } from "./soak";
import { stages } from "./stages";
import { start } from "./start";

/** All rows, in the order of the table. */
export const rows: readonly Row[] = [
  cpuEngine,
  stages,
  simulatedGpu(15),
  simulatedGpu(50),
  latency,
  overload,
  memory,
  growth,
  soak,
  presign,
  start,
];
