import { jobTimes } from "../../../contract/job";

/** The worker's clockwork in milliseconds; the tests turn it faster. */
export interface Times {
  /** The longest and the shortest time between two writes of a running record. */
  readonly heartbeat: number;
  readonly recordEvery: number;
  /** A running record of another worker older than this, by S3's clock, is taken over. */
  readonly staleAfter: number;
  readonly runLimit: number;
  /** Growth of the wait between two looks at a job that runs elsewhere. */
  readonly pollFirst: number;
  readonly pollMost: number;
}

export const defaultTimes: Times = {
  heartbeat: jobTimes.heartbeatSeconds * 1000,
  recordEvery: jobTimes.recordEverySeconds * 1000,
  staleAfter: jobTimes.staleAfterSeconds * 1000,
  runLimit: jobTimes.runLimitSeconds * 1000,
  pollFirst: 250,
  pollMost: 1000,
};
