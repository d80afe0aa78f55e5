// Does not prove that API Gateway takes these signatures and tokens: the guard here checks them by the twin's verifier of SigV4.

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { signedByAws } from "./awsSignature";
import { bearer, type Client, type ClientOptions, createClient, DdnError } from "./client";
import { main } from "./command";
import { type FakePlatform, startFakePlatform } from "./testing/fakePlatform";
import { type Admission, type Guard, signedFor, startGuard, testKey, withToken } from "./testing/guard";

const region = "ap-northeast-2";

let platform: FakePlatform;
let folder: string;
let guards: Guard[];

const guardOf = async (admits: Admission): Promise<Guard> => {
  const guard = await startGuard(platform.url, admits);
  guards.push(guard);
  return guard;
};

const clientOf = (baseUrl: string, authorization?: ClientOptions["authorization"]): Client =>
  createClient({ baseUrl, attempts: 1, authorization });

const errorFrom = async (call: Promise<unknown>): Promise<DdnError> => {
  const error = await call.catch((cause: unknown) => cause);
  expect(error).toBeInstanceOf(DdnError);
  return error as DdnError;
};

const ddn = async (...argv: string[]): Promise<{ readonly code: number; readonly text: string }> => {
  let text = "";
  const output = { write: (part: string) => (text += part) };
  const none = () => undefined;
  const code = await main({
    argv: ["node", "ddn", ...argv],
    stdout: output,
    stderr: output,
    on: none,
    off: none,
    exit: none,
  });
  return { code, text };
};

/** An environment in which nothing but `variables` tells of AWS or of the platform. */
const environment = (variables: Readonly<Record<string, string>>): void => {
  const absent = join(folder, "absent");
  const none = Object.keys(process.env).filter((name) => /^(AWS|DDN)_/.test(name));
  for (const name of none) vi.stubEnv(name, undefined);
  vi.stubEnv("AWS_SHARED_CREDENTIALS_FILE", absent);
  vi.stubEnv("AWS_CONFIG_FILE", absent);
  vi.stubEnv("AWS_EC2_METADATA_DISABLED", "true");
  for (const [name, value] of Object.entries(variables)) vi.stubEnv(name, value);
};

const keyInEnvironment = {
  AWS_ACCESS_KEY_ID: testKey.accessKeyId,
  AWS_SECRET_ACCESS_KEY: testKey.secretAccessKey,
} as const;

beforeEach(async () => {
  platform = await startFakePlatform();
  guards = [];
  folder = await mkdtemp(join(tmpdir(), "ddn-access-"));
  environment(keyInEnvironment);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await Promise.all([platform.close(), ...guards.map((guard) => guard.close())]);
  await rm(folder, { recursive: true, force: true });
});

describe("a signed request", () => {
  it("is let in, with its query and its body under the signature", async () => {
    const guard = await guardOf(signedFor(region));
    const client = clientOf(guard.url, signedByAws(guard.url, region));

    const file = await client.upload("용접 (1)*~+'!=&.tif", new Uint8Array([1, 2, 3]), { size: 3 });
    const created = await client.createJob({ file, strength: 0.5 });
    const job = await client.infer({ file }, { waitSeconds: 1 });

    expect(file).toBe("용접 (1)*~+'!=&.tif");
    expect(created.status).toBe("queued");
    expect(job.status).toBe("succeeded");
  });

  it("escapes its query as it is signed, whatever letters a name has", async () => {
    const guard = await guardOf(signedFor(region));

    await clientOf(guard.url, signedByAws(guard.url, region)).presignUpload("용 (1)*~+.tif");

    expect(guard.requests[0]?.target).toBe("/presign?file=%EC%9A%A9%20%281%29%2A~%2B.tif&mode=upload");
  });

  it("names date, region and service in the scope, and the hash of the body", async () => {
    const guard = await guardOf(signedFor(region));

    await clientOf(guard.url, signedByAws(guard.url, region))
      .job("x")
      .catch(() => undefined);

    const headers = guard.requests[0]?.headers ?? {};
    const day = String(headers["x-amz-date"]).slice(0, 8);
    expect(headers.authorization).toMatch(
      `AWS4-HMAC-SHA256 Credential=${testKey.accessKeyId}/${day}/${region}/execute-api/aws4_request, SignedHeaders=`,
    );
    expect(headers["x-amz-content-sha256"]).toBe("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  });

  it.each([
    ["https://a1b2c3.execute-api.eu-central-1.amazonaws.com", "us-east-1", "eu-central-1"],
    ["https://a1b2c3.execute-api.cn-north-1.amazonaws.com.cn", undefined, "cn-north-1"],
    ["https://denoise.example.com", "us-east-1", "us-east-1"],
    ["https://a.execute-api.eu-central-1.amazonaws.com.example.com", "us-east-1", "us-east-1"],
  ])("to %s is signed for the region of the address, or else the one given", async (url, given, wanted) => {
    const request = { method: "GET", url: new URL(`${url}/jobs/x`), headers: {} };

    const { authorization } = await signedByAws(url, given).headersFor(request);

    expect(authorization?.split("/")[2]).toBe(wanted);
  });

  it("is signed anew for each attempt", async () => {
    const guard = await guardOf(signedFor(region));
    platform.script("GET /jobs", { status: 503, body: "{}" }, { status: 200, body: "{}" });
    const pause = async () => {
      vi.setSystemTime(Date.now() + 2000);
    };
    vi.useFakeTimers({ toFake: ["Date"] });
    try {
      await createClient({ baseUrl: guard.url, authorization: signedByAws(guard.url, region), pause }).job("x");
    } finally {
      vi.useRealTimers();
    }

    const dates = guard.requests.map(({ headers }) => headers["x-amz-date"]);
    expect(new Set(dates).size).toBe(2);
  });

  it("is refused when anything of it was changed on the way", async () => {
    const guard = await guardOf(signedFor(region));
    const sent = signedByAws(guard.url, region);
    const tampering: ClientOptions["authorization"] = {
      kind: "aws",
      headersFor: (request) => sent.headersFor({ ...request, body: `${request.body} ` }),
    };

    const error = await errorFrom(clientOf(guard.url, tampering).createJob({ file: "a.tif" }));

    expect([error.status, error.code]).toEqual([403, "forbidden"]);
    expect(platform.requests).toEqual([]);
  });
});

describe("AWS credentials", () => {
  const jobs = async () => {
    const guard = await guardOf(signedFor(region));
    return clientOf(guard.url, signedByAws(guard.url, region)).createJob({ file: "a.tif" });
  };

  it("come from a profile in the shared files", async () => {
    const file = join(folder, "credentials");
    const { accessKeyId, secretAccessKey } = testKey;
    await writeFile(file, `[lab]\naws_access_key_id=${accessKeyId}\naws_secret_access_key=${secretAccessKey}\n`);
    environment({ AWS_SHARED_CREDENTIALS_FILE: file, AWS_PROFILE: "lab" });
    vi.stubEnv("AWS_ACCESS_KEY_ID", undefined);
    vi.stubEnv("AWS_SECRET_ACCESS_KEY", undefined);

    expect((await jobs()).status).toBe("queued");
  });

  it("come from the container's own service, with a session token that is signed too", async () => {
    const { accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey } = testKey;
    const Expiration = new Date(Date.now() + 3_600_000).toISOString();
    const body = JSON.stringify({ AccessKeyId, SecretAccessKey, Token: "session", Expiration });
    const service = createServer((_, response) => response.end(body));
    await new Promise<void>((resolve) => service.listen(0, "127.0.0.1", resolve));
    const { port } = service.address() as AddressInfo;
    environment({ AWS_CONTAINER_CREDENTIALS_FULL_URI: `http://127.0.0.1:${port}/` });
    vi.stubEnv("AWS_ACCESS_KEY_ID", undefined);
    vi.stubEnv("AWS_SECRET_ACCESS_KEY", undefined);

    expect((await jobs()).status).toBe("queued");
    expect(guards[0]?.requests[0]?.headers["x-amz-security-token"]).toBe("session");
    service.closeAllConnections();
    service.close();
  });

  it("that are missing are said so, with the way to have some, and nothing is sent", async () => {
    vi.stubEnv("AWS_ACCESS_KEY_ID", undefined);
    vi.stubEnv("AWS_SECRET_ACCESS_KEY", undefined);

    const error = await errorFrom(jobs());

    expect(error.code).toBe("credentials_missing");
    expect(error.detail).toMatch(
      /^Expected AWS credentials but found none that work \(.+\)\. Set AWS_PROFILE, after `aws sso login` where it uses SSO, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY\.$/,
    );
    expect(guards[0]?.requests).toEqual([]);
  });

  it("without a region to sign for are refused", () => {
    expect(() => signedByAws("https://denoise.example.com", undefined)).toThrow(
      "Expected the region of the API, which its own domain name does not tell. Set AWS_REGION to the stack's output `region`.",
    );
  });
});

describe("what lets a client in", () => {
  const credentials = (headers: object) =>
    Object.keys(headers).filter((name) => name === "authorization" || name.startsWith("x-amz-"));

  it.each([
    ["a token", () => bearer("a.b-c"), withToken("a.b-c")],
    ["a signature", () => signedByAws("http://127.0.0.1", region), signedFor(region)],
  ])("is not sent to storage: %s", async (_name, authorization, admits) => {
    const guard = await guardOf(admits);
    const client = clientOf(guard.url, authorization());

    const file = await client.upload("a.tif", new Uint8Array(1));
    const job = await client.infer({ file });
    await (await client.download({ job: job.id }).catch(() => client.download({ file }))).arrayBuffer();

    const atStorage = platform.requests.filter(({ path }) => /^\/(in|out)\//.test(path));
    expect(atStorage.map(({ method }) => method)).toEqual(["PUT", "GET"]);
    expect(atStorage.flatMap(({ headers }) => credentials(headers))).toEqual([]);
    expect(guard.requests.every(({ headers }) => credentials(headers).length > 0)).toBe(true);
  });

  it.each([
    ["a token", () => bearer("secret")],
    ["a signature", () => signedByAws("http://127.0.0.1", region)],
  ])("follows no redirect: %s", async (_name, authorization) => {
    const stranger = await startFakePlatform();
    const api = await startFakePlatform();
    const location = `${stranger.url}/jobs/x?secret`;
    api.script("GET /jobs", { status: 307, headers: { location } });
    api.script("POST /jobs", { status: 307, headers: { location } });
    const client = clientOf(api.url, authorization());

    const errors = [await errorFrom(client.job("x")), await errorFrom(client.createJob({ file: "a.tif" }))];

    expect(stranger.requests).toEqual([]);
    for (const error of errors) {
      expect([error.status, error.code]).toEqual([307, "redirected"]);
      expect(error.detail).toBe(
        `Expected an answer of the API but it points to ${stranger.url}/jobs/x. Give the API's own address.`,
      );
    }
    await Promise.all([stranger.close(), api.close()]);
  });

  it("does not travel in clear to another machine", () => {
    expect(() => clientOf("http://denoise.example.com", bearer("secret"))).toThrow(
      'Expected an https address for `api` but received "http://denoise.example.com". Whoever listens on the way could use the credentials.',
    );
    expect(() => clientOf("http://127.0.0.1.example.com", bearer("secret"))).toThrow("https");
    for (const url of ["https://denoise.example.com", "http://localhost:8080", "http://[::1]:8080"]) {
      clientOf(url, bearer("secret"));
    }
  });

  it("is not shown to open routes", async () => {
    const guard = await guardOf(withToken("good"));

    await clientOf(guard.url, bearer("good")).ping();

    expect(guard.requests[0]?.open).toBe(true);
    expect(guard.requests.flatMap(({ headers }) => credentials(headers))).toEqual([]);
  });

  it.each(["", "Bearer abc", "abc\n", "a b", "토큰"])("is no token: %j", (token) => {
    expect(() => bearer(token)).toThrow(
      "Expected a token of letters, digits and - . _ ~ + / but received other characters. Give the token alone, without the word Bearer, spaces or line breaks.",
    );
  });

  it("leaves the client free of Node, so that browsers can load it", async () => {
    const entryPoints = [join(__dirname, "client.ts")];
    const { errors, metafile } = await build({
      entryPoints,
      bundle: true,
      platform: "browser",
      write: false,
      metafile: true,
      logLevel: "silent",
    });

    expect(errors).toEqual([]);
    expect(Object.keys(metafile.inputs).filter((path) => path.includes("node_modules"))).toEqual([]);
  });
});

describe("a refusal of the gateway", () => {
  const aws = () => signedByAws("http://127.0.0.1", "us-east-1");
  const table: [asked: string, authorization: () => ClientOptions["authorization"], api: Admission, detail: RegExp][] =
    [
      [
        "nothing to an API with JWT",
        () => undefined,
        withToken("good"),
        /^Expected a token, .* DDN_TOKEN or by --token \(/,
      ],
      [
        "an old token",
        () => bearer("old"),
        withToken("good"),
        /Get a new one.* The gateway says: the token has expired\.$/,
      ],
      [
        "a signature to an API with JWT",
        aws,
        withToken("good"),
        /^Expected a token, but .* leave out --aws and DDN_AUTH=iam\./,
      ],
      [
        "nothing to an API with IAM",
        () => undefined,
        signedFor(region),
        /^Expected a signed request, .* --aws or DDN_AUTH=iam \(/,
      ],
      [
        "a token to an API with IAM",
        () => bearer("good"),
        signedFor(region),
        /a token is not enough\. If .* --aws or DDN_AUTH=iam/,
      ],
      [
        "a signature for another region",
        aws,
        signedFor(region),
        /Check the profile, AWS_REGION .*execute-api:Invoke.* The gateway says: /,
      ],
    ];
  it.each(table)("of %s says what to do", async (_name, authorization, api, detail) => {
    const guard = await guardOf(api);

    const error = await errorFrom(clientOf(guard.url, authorization()).job("x"));

    expect(error.detail).toMatch(detail);
    expect([401, 403]).toContain(error.status);
    expect(error.code).toBe(error.status === 401 ? "unauthorized" : "forbidden");
  });
});

describe("ddn", () => {
  const denoise = async (api: string, ...flags: string[]) => {
    await writeFile(join(folder, "a.tif"), "abc");
    return ddn("denoise", join(folder, "a.tif"), "--out", join(folder, "out"), "--api", api, ...flags);
  };

  const allowed: [how: string, variables: Record<string, string>, flags: string[], api: Admission][] = [
    ["--token", {}, ["--token", "good"], withToken("good")],
    ["DDN_TOKEN", { DDN_TOKEN: "good" }, [], withToken("good")],
    ["DDN_AUTH=jwt and DDN_TOKEN", { DDN_AUTH: "jwt", DDN_TOKEN: "good" }, [], withToken("good")],
    [
      "--token before DDN_AUTH and DDN_TOKEN",
      { DDN_AUTH: "iam", DDN_TOKEN: "x" },
      ["--token", "good"],
      withToken("good"),
    ],
    ["--aws", { AWS_REGION: region }, ["--aws"], signedFor(region)],
    ["--aws before DDN_TOKEN", { AWS_REGION: region, DDN_TOKEN: "x" }, ["--aws"], signedFor(region)],
    ["DDN_AUTH=iam", { AWS_REGION: region, DDN_AUTH: "iam" }, [], signedFor(region)],
    ["DDN_AUTH=iam before DDN_TOKEN", { AWS_REGION: region, DDN_AUTH: "iam", DDN_TOKEN: "x" }, [], signedFor(region)],
    [
      "DDN_AUTH=none",
      { DDN_AUTH: "none", DDN_TOKEN: "x" },
      [],
      async ({ headers }) =>
        headers.authorization === undefined ? undefined : { status: 401, message: "Unauthorized" },
    ],
  ];
  it.each(allowed)("denoises by %s", async (_how, variables, flags, api) => {
    for (const [name, value] of Object.entries(variables)) vi.stubEnv(name, value);
    const guard = await guardOf(api);

    const { code, text } = await denoise(guard.url, ...flags);

    expect(text).toContain("1 done, 0 skipped, 0 failed");
    expect(code).toBe(0);
  });

  const misused: [variables: Record<string, string>, flags: string[], complaint: string][] = [
    [{}, ["--token", "x", "--aws"], "error: option '--token <token>' cannot be used with option '--aws'\n"],
    [
      { DDN_AUTH: "jwt" },
      [],
      "error: Expected a bearer token for `DDN_TOKEN` but received nothing. DDN_AUTH asks for one.\n",
    ],
    [
      { DDN_AUTH: "sso" },
      [],
      'error: Expected "jwt", "iam" or "none" for `DDN_AUTH` but received "sso". Set it to the stack\'s output `authMode`.\n',
    ],
    [
      { DDN_AUTH: "iam" },
      [],
      "error: Expected the region of the API, which its own domain name does not tell. Set AWS_REGION to the stack's output `region`.\n",
    ],
  ];
  it.each(misused)("complains about %j with %j", async (variables, flags, complaint) => {
    for (const [name, value] of Object.entries(variables)) vi.stubEnv(name, value);

    expect(await denoise("http://127.0.0.1:1", ...flags)).toEqual({ code: 2, text: complaint });
  });

  it("never shows a token that it does not take", async () => {
    const { code, text } = await denoise("http://127.0.0.1:1", "--token", "Bearer secret");

    expect(code).toBe(2);
    expect(text).not.toContain("secret");
  });

  it("stops at the first file when nothing is let in", async () => {
    const guard = await guardOf(withToken("good"));
    for (const name of ["b.tif", "c.tif"]) await writeFile(join(folder, name), name);
    await writeFile(join(folder, "a.tif"), "abc");

    const { code, text } = await ddn("denoise", folder, "--out", join(folder, "out"), "--api", guard.url, "-j", "1");

    expect(code).toBe(1);
    expect(text).toContain(
      "0 done, 0 skipped, 1 failed\nStopped, since nothing is let in: 2 files were not tried.\n  a.tif: unauthorized: ",
    );
  });
});
