import { documentHandler } from "../functions/document";
import { jobsHandler } from "../functions/jobs";
import { pingHandler } from "../functions/ping";
import { presignHandler } from "../functions/presign";
import { type ClientSettings, jobsSettings, pingSettings, presignSettings } from "../functions/settings";
import type { AccessKey, TwinRole } from "./access";
import type { GatewaySettings } from "./gateway/gateway";

export interface FunctionsSettings {
  readonly region: string;
  readonly s3Url: string;
  readonly sqsUrl: string;
  readonly keys: readonly AccessKey[];
  /** What the functions would find in their environment. */
  readonly environment: Readonly<Record<string, string>>;
}

/** The platform's Lambda functions, told apart from the cloud's by endpoints and keys alone: each has its role's own. */
export const twinFunctions = ({
  region,
  s3Url,
  sqsUrl,
  keys,
  environment,
}: FunctionsSettings): GatewaySettings["handlers"] => {
  const clientsOf = (role: TwinRole): ClientSettings => {
    const credentials = keys.find((key) => key.role === role);
    return {
      s3: { region, credentials, endpoint: s3Url, forcePathStyle: true },
      sqs: { region, credentials, endpoint: sqsUrl },
    };
  };
  return {
    presign: presignHandler({ ...presignSettings(environment), clients: clientsOf("presign") }),
    jobs: jobsHandler({ ...jobsSettings(environment), clients: clientsOf("jobs") }),
    ping: pingHandler({ ...pingSettings(environment), clients: clientsOf("ping") }),
    document: documentHandler(),
  };
};
