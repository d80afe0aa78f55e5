/** The page's side of the API: presign, upload, jobs, download. */

/** A failure with a stable code and a sentence. */
export class Failure extends Error {
  constructor(code, detail) {
    super(detail);
    this.code = code;
    this.detail = detail;
  }
}

const pollMs = { first: 250, longest: 2000, growth: 1.5 };
const attempts = 4;

const pause = (milliseconds, signal) =>
  new Promise((resolve, reject) => {
    const handle = setTimeout(resolve, milliseconds);
    signal?.addEventListener("abort", () => {
      clearTimeout(handle);
      reject(signal.reason);
    });
  });

const objectOf = (text) => {
  try {
    return Object(JSON.parse(text));
  } catch {
    return {};
  }
};

/** A failure from the body of an answer: a problem of the platform, a message of the gateway, or XML of storage. */
const failureOf = (status, text) => {
  const storage = /<Message>([^<]*)<\/Message>/.exec(text)?.[1];
  if (storage !== undefined) return new Failure("upload_refused", storage);
  const { code, detail, message } = objectOf(text);
  if (code !== undefined) return new Failure(code, detail);
  return new Failure(status === 401 ? "unauthorized" : `http_${status}`, `${message ?? text.slice(0, 64)} (${status})`);
};

const answerOf = async (url, init) => {
  let response;
  try {
    response = await fetch(url, init);
  } catch (cause) {
    init?.signal?.throwIfAborted();
    throw new Failure("network_failed", String(cause));
  }
  if (response.ok) return response;
  const failure = failureOf(response.status, await response.text());
  throw [429, 502, 503].includes(response.status) ? Object.assign(failure, { passing: true }) : failure;
};

/** Repeats what may be repeated, after lost connections and while the service is busy. */
const ask = async (url, init) => {
  for (let tried = 1; ; tried += 1) {
    try {
      return await answerOf(url, init);
    } catch (failure) {
      const passing = failure.passing || failure.code === "network_failed";
      if (!passing || tried >= attempts) throw failure;
      await pause(500 * 2 ** tried, init?.signal);
    }
  }
};

let token = "";

/** Lets requests in where the API asks for a token. It stays in this page's memory: it is stored nowhere, and storage never sees it. */
export const setToken = (text) => {
  token = text.trim();
};

/** What a token may hold. Source: RFC 6750 §2.1 */
const tokenPattern = /^[\w.~+/-]+=*$/;

/** Asks the API, and it alone, in the name of the token. */
const json = async (path, init) => {
  if (token === "") return (await ask(path, init)).json();
  if (!tokenPattern.test(token)) throw new Failure("token_invalid", "");
  return (await ask(path, { ...init, headers: { ...init?.headers, authorization: `Bearer ${token}` } })).json();
};

const randomText = () =>
  Array.from(crypto.getRandomValues(new Uint8Array(8)), (byte) => byte.toString(16).padStart(2, "0")).join("");

/** A key of its own for each upload, so that nobody's file is overwritten; what a key cannot hold becomes `_`. */
const keyFor = (name) => {
  const safe = name.normalize("NFC").replace(/[^\p{L}\p{N}\p{M}_.-]/gu, "_");
  return `${randomText()}/${safe.startsWith(".") ? "_" : ""}${safe}`;
};

/** Open to everybody, so that it tells of the platform and not of the token. */
export const ping = async () => (await ask("/ping")).json();

/** Uploads a file with its size pinned; answers with its key. XMLHttpRequest, since fetch tells no upload progress. */
export const upload = async (file, onProgress, signal) => {
  const query = new URLSearchParams({ file: keyFor(file.name), mode: "upload", size: String(file.size) });
  const target = await json(`/presign?${query}`, { signal });
  await new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open(target.method, target.url);
    for (const [name, value] of Object.entries(target.headers)) {
      // The browser sets the length itself and lets nobody else.
      if (name !== "content-length") request.setRequestHeader(name, value);
    }
    request.upload.addEventListener("progress", ({ loaded }) => onProgress(loaded, file.size));
    request.addEventListener("load", () =>
      request.status < 300 ? resolve() : reject(failureOf(request.status, request.responseText)),
    );
    request.addEventListener("error", () => reject(new Failure("network_failed", "The upload broke off.")));
    request.addEventListener("abort", () => reject(signal.reason));
    signal.addEventListener("abort", () => request.abort());
    // A slice has no type: no Content-Type goes out that was not signed.
    request.send(file.slice());
  });
  return target.file;
};

export const createJob = (file, strength, signal) =>
  json("/jobs", {
    method: "POST",
    headers: { "content-type": "application/json", "idempotency-key": randomText() },
    body: JSON.stringify({ file, strength }),
    signal,
  });

export const cancelJob = (id) => json(`/jobs/${id}`, { method: "DELETE" });

/** Asks for the job until it has ended; the job, or the failure that ended it. */
export const jobEnd = async (id, onProgress) => {
  for (let waitMs = pollMs.first; ; waitMs = Math.min(waitMs * pollMs.growth, pollMs.longest)) {
    const job = await json(`/jobs/${id}`);
    onProgress(job);
    if (job.status === "failed") throw new Failure(job.error.code, job.error.detail);
    if (job.status === "succeeded" || job.status === "cancelled") return job;
    await pause(waitMs);
  }
};

/** The bytes that this job wrote. */
export const fetchResult = async (id, signal) => {
  const { url, method, headers } = await json(`/presign?${new URLSearchParams({ mode: "download", job: id })}`, {
    signal,
  });
  return (await ask(url, { method, headers, signal })).blob();
};
