import type { FunctionName } from "../contract/routes";
import { documentHandler } from "./document";
import type { ApiEvent, ApiResult } from "./event";
import { jobsHandler } from "./jobs";
import { pingHandler } from "./ping";
import { presignHandler } from "./presign";
import { jobsSettings, pingSettings, presignSettings } from "./settings";

/** What Pulumi packs for Lambda: each captures nothing but code, and reads its settings where it runs. */
export const callbacks: Readonly<Record<FunctionName, () => (event: ApiEvent) => Promise<ApiResult>>> = {
  presign: () => presignHandler(presignSettings(process.env)),
  jobs: () => jobsHandler(jobsSettings(process.env)),
  ping: () => pingHandler(pingSettings(process.env)),
  document: () => documentHandler(),
};
