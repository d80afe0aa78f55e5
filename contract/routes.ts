/** The Lambda functions behind the API; the twin runs the same handlers in its gateway. */
export type FunctionName = "presign" | "jobs" | "ping" | "document";

export interface RouteDefinition {
  /** As API Gateway HTTP APIs write it: `METHOD /path` or `$default`. */
  readonly key: string;
  /** `server` is the API server behind the load balancer; a stack that may scale to zero sends it to `jobs` instead. */
  readonly target: FunctionName | "server";
  /** Served without authorisation. */
  readonly open: boolean;
}

export const routes: readonly RouteDefinition[] = [
  { key: "GET /ping", target: "ping", open: true },
  { key: "GET /presign", target: "presign", open: false },
  { key: "POST /inference", target: "server", open: false },
  { key: "POST /jobs", target: "jobs", open: false },
  { key: "GET /jobs/{id}", target: "jobs", open: false },
  { key: "DELETE /jobs/{id}", target: "jobs", open: false },
  { key: "GET /openapi.json", target: "document", open: true },
  { key: "$default", target: "document", open: true },
];

/** Limits that API Gateway sets and nobody can raise. Source: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html */
export const gatewayLimits = { bodyBytes: 10 * 1024 * 1024, timeoutSeconds: 30 } as const;

/** CORS of the API, as the contract fixes it; the origins are each stack's own. */
export const apiCors = {
  methods: ["GET", "POST", "DELETE", "OPTIONS"],
  allowHeaders: ["content-type", "authorization", "prefer", "idempotency-key"],
  exposeHeaders: ["location", "retry-after"],
  maxAgeSeconds: 3600,
} as const;

/** CORS of both buckets, for browsers that use presigned URLs; the origins are each stack's own. */
export const bucketCors = {
  methods: ["GET", "HEAD", "PUT"],
  // if-match pins the bytes of one job where a bucket keeps no versions.
  allowHeaders: ["content-type", "if-match", "if-none-match", "x-amz-checksum-sha256"],
  exposeHeaders: ["etag", "content-disposition", "x-amz-version-id"],
  maxAgeSeconds: 3600,
} as const;
