import { S3Client } from "@aws-sdk/client-s3";
import { SQSClient } from "@aws-sdk/client-sqs";
import { cancelRequested, hasEnded, isJobId, type Job } from "../contract/job";
import { type Checked, checked, expected, problem, problemStatus, quote, refused } from "../contract/problem";
import {
  jobEnded,
  parseIdempotencyKey,
  parseInferenceRequest,
  parseJobsRequest,
  parseWaitSeconds,
} from "../contract/request";
import { type ApiEvent, type ApiResult, bodyText, header, jsonResult, problemResult } from "./event";
import { lostRace, readJob, replaceJob, type StoredJob } from "./records";
import { freshServices } from "./service";
import type { JobsSettings } from "./settings";
import { type Desk, submit } from "./submission";
import { asked, bounded, unavailable } from "./upstream";

/** A running record is rewritten once a second at most, so a few tries meet a gap between two writes. */
const cancelTries = 8;

const poll = { firstMs: 250, growth: 1.5, mostMs: 1000, readTimeoutMs: 2000 };

const location = (job: Job): string => `/jobs/${job.id}`;

/** The jobs, those that wait on a stack that sleeps with the time until a server can take them. */
const withEta = async (desk: Desk, jobs: readonly Job[]): Promise<readonly Job[]> => {
  const { wakeSeconds, outBucket } = desk.settings;
  if (wakeSeconds === undefined || jobs.every(({ status }) => status !== "queued")) return jobs;
  const services = await asked((abortSignal) => freshServices(desk.s3, outBucket, abortSignal));
  if (!services.ok || services.value.some((service) => service.ready)) return jobs;
  return jobs.map((job) => {
    if (job.status !== "queued") return job;
    const waitedSeconds = (Date.now() - Date.parse(job.createdAt)) / 1000;
    return { ...job, etaSeconds: Math.max(0, Math.ceil(wakeSeconds - waitedSeconds)) };
  });
};

const stored = async (desk: Desk, id: unknown): Promise<Checked<StoredJob>> => {
  if (!isJobId(id)) return refused("job_invalid", expected("a job id, 26 of the characters 0-9 and a-z,", "id", id));
  const record = await readJob(desk.s3, desk.settings.outBucket, id);
  if (record.ok) return checked(record.value);
  return record.status === 404
    ? refused("job_not_found", `Expected the id of a job but there is none at ${quote(id)}.`)
    : { ok: false, problem: unavailable("S3", record) };
};

/** The key and the body of a request for jobs. */
const read = <T>(
  event: ApiEvent,
  parse: (text: string, contentType: string | undefined) => Checked<T>,
): Checked<{ readonly idempotencyKey: string | undefined; readonly body: T }> => {
  const key = parseIdempotencyKey(header(event, "idempotency-key"));
  if (!key.ok) return key;
  const text = bodyText(event);
  if (!text.ok) return text;
  const body = parse(text.value, header(event, "content-type"));
  return body.ok ? checked({ idempotencyKey: key.value, body: body.value }) : body;
};

const postJobs = async (desk: Desk, event: ApiEvent): Promise<ApiResult> => {
  const request = read(event, parseJobsRequest);
  if (!request.ok) return problemResult(event, request.problem);
  const { idempotencyKey, body } = request.value;
  const made = await submit(desk, { ...body, idempotencyKey });
  if (!made.ok) return problemResult(event, made.problem);
  const jobs = await withEta(desk, made.value);
  return body.batch ? jsonResult(202, { jobs }) : jsonResult(202, jobs[0], { location: location(jobs[0]) });
};

const getJob = async (desk: Desk, event: ApiEvent): Promise<ApiResult> => {
  const record = await stored(desk, event.pathParameters?.id);
  if (!record.ok) return problemResult(event, record.problem);
  const [job] = await withEta(desk, [record.value.job]);
  return jsonResult(200, job);
};

const deleteJob = async (desk: Desk, event: ApiEvent): Promise<ApiResult> => {
  let mine: Job | undefined;
  for (let tries = 0; tries < cancelTries; tries += 1) {
    const record = await stored(desk, event.pathParameters?.id);
    if (!record.ok) return problemResult(event, record.problem);
    const { job } = record.value;
    // A write whose answer was lost is met again here, as is the same wish of another caller.
    if (mine !== undefined && job.cancelRequestedAt === mine.cancelRequestedAt) return jsonResult(202, job);
    if (hasEnded(job)) return problemResult(event, jobEnded(job));
    if (job.cancelRequestedAt !== undefined && job.status !== "queued") return jsonResult(202, job);
    mine = cancelRequested(job, new Date());
    const written = await replaceJob(desk.s3, desk.settings.outBucket, record.value, mine);
    if (written.ok) return jsonResult(202, mine);
    if (!lostRace(written.status)) return problemResult(event, unavailable("S3", written));
  }
  return problemResult(
    event,
    unavailable("S3", { ok: false, status: 412, reason: `record rewritten ${cancelTries} times` }),
  );
};

/** Reads the record until the job has ended or the time is up; a read that fails is made up for by the next. */
const awaitEnd = async (desk: Desk, job: Job, deadlineMs: number): Promise<Job> => {
  let current = job;
  let pauseMs = poll.firstMs;
  while (!hasEnded(current)) {
    const leftMs = deadlineMs - Date.now();
    if (leftMs <= 0) break;
    await new Promise((resolve) => setTimeout(resolve, Math.min(pauseMs, leftMs)));
    pauseMs = Math.min(pauseMs * poll.growth, poll.mostMs);
    const seen = await readJob(desk.s3, desk.settings.outBucket, job.id, poll.readTimeoutMs);
    if (seen.ok) current = seen.value.job;
  }
  return current;
};

const outcome = (event: ApiEvent, job: Job): ApiResult => {
  const headers = { location: location(job) };
  if (job.status === "succeeded") return jsonResult(200, job, headers);
  if (job.status !== "failed" || job.error === undefined) return problemResult(event, jobEnded(job), headers);
  const { code, title, detail } = job.error;
  const why = { ...problem(code, detail, location(job)), title, status: problemStatus(code) };
  return problemResult(event, why, headers);
};

const postInference = async (desk: Desk, event: ApiEvent): Promise<ApiResult> => {
  const deadlineMs = Date.now() + parseWaitSeconds(header(event, "prefer")) * 1000;
  const request = read(event, parseInferenceRequest);
  if (!request.ok) return problemResult(event, request.problem);
  const { idempotencyKey, body } = request.value;
  const made = await submit(desk, { requests: [body], batch: false, idempotencyKey });
  if (!made.ok) return problemResult(event, made.problem);
  const job = await awaitEnd(desk, made.value[0], deadlineMs);
  if (hasEnded(job)) return outcome(event, job);
  const [waiting] = await withEta(desk, [job]);
  return jsonResult(202, waiting, { location: location(job) });
};

/**
 * `POST /jobs`, `GET /jobs/{id}` and `DELETE /jobs/{id}`; and `POST /inference` on a stack that may scale to zero, where
 * nobody behind a load balancer would answer.
 */
export const jobsHandler = (settings: JobsSettings) => {
  const desk: Desk = {
    settings,
    s3: new S3Client({ ...bounded, ...settings.clients?.s3 }),
    sqs: new SQSClient({ ...bounded, ...settings.clients?.sqs }),
  };
  const handlers: Readonly<Record<string, (desk: Desk, event: ApiEvent) => Promise<ApiResult>>> = {
    "POST /jobs": postJobs,
    "GET /jobs/{id}": getJob,
    "DELETE /jobs/{id}": deleteJob,
    "POST /inference": postInference,
  };
  return async (event: ApiEvent): Promise<ApiResult> => {
    const handler = handlers[event.routeKey];
    return handler === undefined
      ? problemResult(event, problem("route_not_found", expected("a route of jobs", "routeKey", event.routeKey)))
      : handler(desk, event);
  };
};
