import { documentHandler } from "../document";
import { jobsHandler } from "../jobs";
import { pingHandler } from "../ping";
import { presignHandler } from "../presign";
import { jobsSettings, pingSettings, presignSettings } from "../settings";

/** The callback factories as the infrastructure passes them to Pulumi: they capture nothing but code. */
export const callbacks = {
  presign: () => presignHandler(presignSettings(process.env)),
  jobs: () => jobsHandler(jobsSettings(process.env)),
  ping: () => pingHandler(pingSettings(process.env)),
  document: () => documentHandler(),
};
