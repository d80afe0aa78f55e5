// Does not prove how the page looks, nor that other browsers than Chromium show it.
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { deflateSync } from "node:zlib";
import { fromArrayBuffer } from "geotiff";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import sharp from "sharp";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Job } from "../../contract/job";
import { startTwin, type Twin } from "../../local/twin";
import { pngChunk, pngHead, pngStart } from "../../server/src/images/testPng";
import { createClient } from "../client";
import { noisyTiff } from "../testing/images";

const executablePath = process.env.CHROMIUM_PATH ?? "/usr/bin/chromium";
const hasChromium = existsSync(executablePath);
if (!hasChromium) {
  console.warn(
    `The console is not tested: there is no Chromium at ${executablePath}. Get it with \`apt-get install chromium\`, or set CHROMIUM_PATH.`,
  );
}

/** Waits until what is read is as expected; the machine may be busy. */
const eventually = <T>(read: () => T) => expect.poll(read, { timeout: 50_000 });

/** A grey 16-bit PNG whose row y is filtered by type y, 0 to 4. Source: https://www.w3.org/TR/png-3/#9Filters */
const filteredPng = (width: number, height: number, samples: readonly number[]): Buffer => {
  const raw = (x: number, y: number) => {
    const sample = x < 0 || y < 0 ? 0 : (samples[y * width + (x >> 1)] ?? 0);
    return x % 2 === 0 ? sample >> 8 : sample & 255;
  };
  const closest = (left: number, up: number, corner: number) => {
    const guess = left + up - corner;
    return [left, up, corner].reduce((best, each) => (Math.abs(each - guess) < Math.abs(best - guess) ? each : best));
  };
  const rows = Array.from({ length: height }, (_, y) => {
    const bytes = Array.from({ length: 2 * width }, (_, x) => {
      const [left, up, corner] = [raw(x - 2, y), raw(x, y - 1), raw(x - 2, y - 1)];
      const guess = [0, left, up, (left + up) >> 1, closest(left, up, corner)][y] ?? 0;
      return (raw(x, y) - guess) & 255;
    });
    return [y, ...bytes];
  });
  const data = pngChunk("IDAT", deflateSync(Buffer.from(rows.flat())));
  return Buffer.concat([pngStart, pngHead(width, height, 16, 0), data, pngChunk("IEND")]);
};

describe.skipIf(!hasChromium)("the console", () => {
  let folder: string;
  let twin: Twin;
  let browser: Browser;
  let page: Page;
  /** Whatever a page that works never does. */
  let complaints: string[];

  const tiff = async (name: string, pages: number) => ({
    name,
    mimeType: "image/tiff",
    buffer: await noisyTiff(96, 64, pages),
  });

  const open = async (options: BrowserContextOptions = {}) => {
    const context = await browser.newContext({ locale: "en-US", viewport: { width: 1280, height: 800 }, ...options });
    page = await context.newPage();
    complaints = [];
    page.on("console", (message) => {
      if (message.type() === "error" || message.type() === "warning") complaints.push(message.text());
    });
    page.on("pageerror", (error) => complaints.push(error.message));
    const known = [twin.url, twin.s3.endpoint, "blob:", "data:"];
    page.on("request", (request) => {
      if (!known.some((origin) => request.url().startsWith(origin))) complaints.push(`asked ${request.url()}`);
    });
    await page.goto(twin.url);
  };

  const choose = async (file: Awaited<ReturnType<typeof tiff>>) => {
    await page.setInputFiles("#file", file);
    await eventually(() => text("#facts")).not.toBe("");
  };

  const text = (selector: string) => page.locator(selector).textContent();

  /** Mean and standard deviation of the shades in the middle of a pane's left half. */
  const shadesOf = async (id: "before" | "after") => {
    const shot = sharp(await page.locator(`#${id}`).screenshot());
    const { width = 0, height = 0 } = await shot.metadata();
    const [left, top] = [Math.floor(width / 4), Math.floor(height / 3)];
    const middle = await shot.extract({ left, top, width: Math.floor(width / 8), height: top }).toBuffer();
    const [channel] = (await sharp(middle).stats()).channels;
    return { mean: channel?.mean ?? 0, deviation: channel?.stdev ?? 0 };
  };

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "ddn-console-"));
    const args = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage"];
    [twin, browser] = await Promise.all([
      startTwin({ directory: join(folder, "twin") }),
      chromium.launch({ executablePath, args }),
    ]);
  });
  afterEach(() => page.context().close());
  afterAll(async () => {
    await browser?.close();
    await twin?.close();
    await rm(folder, { recursive: true, force: true });
  });

  it("takes a 16-bit TIFF to its result and shows both through one window, without an error or a stranger's request", async () => {
    await open();
    await choose(await tiff("weld 용접.tif", 2));
    expect(await text("#facts")).toMatch(/^96 × 64 · 16 bit · 2 pages · 2\d\.\d kB$/);

    await page.click("#denoise");
    await eventually(() => text("#stage")).toMatch(/^Done in [\d.]+ s$/);

    const [before, after] = [await shadesOf("before"), await shadesOf("after")];
    expect(before.deviation).toBeGreaterThan(10);
    expect(after.deviation).toBeLessThan(before.deviation / 2);
    expect(Math.abs(after.mean - before.mean)).toBeLessThan(6);
    expect(await text("#noise")).toMatch(/^Page 11,\d{3} LSB \(16 bit\)Page 21,\d{3} LSB \(16 bit\)$/);
    expect(await text("#quality")).toContain("SNRn of ISO 17636-2 belong to the unprocessed image.");
    expect(await text("#timings")).toMatch(/Denoise[\d,]+ ms/);
    expect(complaints).toEqual([]);
  });

  it("offers the very bytes of the result under the image's own name", async () => {
    await open();
    await choose(await tiff("weld 용접.tif", 2));
    await page.click("#denoise");

    const [download] = await Promise.all([page.waitForEvent("download"), page.click("#download a")]);
    const chunks: Buffer[] = [];
    for await (const chunk of await download.createReadStream()) chunks.push(chunk as Buffer);
    const bytes = new Uint8Array(Buffer.concat(chunks));

    const id = (await text("#provenance"))?.slice(-26) ?? "";
    const job = await createClient({ baseUrl: twin.url }).job(id);
    expect(download.suggestedFilename()).toBe("weld 용접-denoised.tif");
    expect(bytes.length).toBe(job.result?.bytes);
    expect(await (await fromArrayBuffer(bytes.buffer)).getImageCount()).toBe(2);
  });

  it("turns the pages of a stack, and moves and zooms both panes together", async () => {
    await open();
    await choose(await tiff("stack.tif", 3));

    await page.click("#next");
    await page.click("#next");
    await eventually(() => page.inputValue("#page")).toBe("3");
    expect(await page.isDisabled("#next")).toBe(true);

    const fitted = await shadesOf("before");
    await page.focus("#after");
    for (let times = 0; times < 40; times += 1) await page.keyboard.press("ArrowRight");
    await eventually(async () => (await shadesOf("before")).mean).not.toBe(fitted.mean);
    await page.keyboard.press("0");
    await eventually(() => shadesOf("before")).toEqual(fitted);
    expect(complaints).toEqual([]);
  });

  it("shows the values between the two limits: nearly all black under a low limit near the top", async () => {
    await open();
    await choose(await tiff("limits.tif", 1));
    expect((await shadesOf("before")).mean).toBeGreaterThan(40);

    await page.fill("#low", "40000");

    await eventually(async () => (await shadesOf("before")).mean).toBe(0);
    await page.click("#auto");
    await eventually(async () => (await shadesOf("before")).mean).toBeGreaterThan(40);
  });

  it("says in the reader's language why an image was refused, and can go on with another", async () => {
    await open({ locale: "ko-KR", viewport: { width: 390, height: 844 } });
    expect(await page.getAttribute("html", "lang")).toBe("ko");
    await page.setInputFiles("#file", { name: "글.tif", mimeType: "image/tiff", buffer: Buffer.from("no image") });
    await page.waitForSelector("#failure:not([hidden])");
    expect(await text("#failure")).toMatch(/^이 파일은 여기에서 표시할 수 없습니다/);

    expect(await page.isVisible("#controls")).toBe(false);
    await page.click("#denoise");
    await eventually(() => text("#failure")).toMatch(/^지원하지 않는 형식입니다/);

    await choose(await tiff("좋은.tif", 1));
    expect(await page.isVisible("#failure")).toBe(false);
    expect(await page.isVisible("#controls")).toBe(true);
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(390);
    expect(complaints).toEqual([]);
  });

  it("asks for a token where the platform does, tells it to the API alone, and keeps it nowhere", async () => {
    await open();
    const told = new Set<string>();
    await page.route("**/*", async (route) => {
      const { pathname, origin } = new URL(route.request().url());
      const { authorization } = route.request().headers();
      if (authorization !== undefined) told.add(`${authorization} to ${origin}`);
      const isLetIn = authorization === "Bearer good.token" || !/^\/(presign|jobs)/.test(pathname);
      await (isLetIn ? route.continue() : route.fulfill({ status: 401, json: { message: "Unauthorized" } }));
    });
    await choose(await tiff("locked.tif", 1));
    expect(await page.isVisible("#token")).toBe(false);

    await page.click("#denoise");
    await eventually(() => text("#failure")).toMatch(/^This platform takes only requests with a valid access token\./);
    await page.fill("#token", "Bearer good.token");
    await page.press("#token", "Enter");
    await eventually(() => text("#failure")).toMatch(/^This is no access token/);
    await page.fill("#token", " good.token\n");
    await page.press("#token", "Enter");

    await eventually(() => text("#stage")).toMatch(/^Done in [\d.]+ s$/);
    expect(told).toEqual(new Set([`Bearer good.token to ${twin.url}`]));
    expect(await page.evaluate("[document.cookie, localStorage.length, sessionStorage.length]")).toEqual(["", 0, 0]);
    await page.reload();
    expect(await page.inputValue("#token")).toBe("");
  });

  it("cancels a job that runs", async () => {
    await open();
    let record: Job | undefined;
    // A job that would run for ever: the real one may be over before the button is found.
    await page.route("**/jobs/*", async (route) => {
      record ??= (await (await route.fetch()).json()) as Job;
      const isCancel = route.request().method() === "DELETE";
      if (isCancel) record = { ...record, status: "cancelled" };
      else if (record.status !== "cancelled")
        record = { ...record, status: "running", progress: { done: 1, total: 4 } };
      await route.fulfill({ status: isCancel ? 202 : 200, json: record });
    });
    await choose(await tiff("cancel.tif", 1));
    await page.click("#denoise");
    await eventually(() => text("#stage")).toBe("Denoising, 1 of 4 tiles");

    await page.click("#cancel");

    await eventually(() => text("#stage")).toBe("Cancelled");
    expect(await page.isVisible("#denoise")).toBe(true);
    expect(complaints).toEqual([]);
  });

  it("reads a 16-bit PNG at its own depth, whatever filters its rows use", async () => {
    await open();
    const samples = Array.from({ length: 3 * 5 }, (_, at) => (at * 7919) % 65_536);
    const bytes = [...filteredPng(3, 5, samples)];

    const read = await page.evaluate(
      `import("${twin.url}/console/png.mjs")
        .then(({ readPng }) => readPng(Uint8Array.of(${bytes}).buffer))
        .then(({ bits, samples }) => ({ bits, samples: [...samples] }))`,
    );

    expect(read).toEqual({ bits: 16, samples });
  });
});
