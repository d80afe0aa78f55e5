import { histogramOf, openImage, percentile } from "./image.mjs";
import { linkedPanes } from "./panes.mjs";
import { cancelJob, createJob, Failure, fetchResult, jobEnd, ping, setToken, upload } from "./platform.mjs";
import { number, say, sayFailure, translatePage } from "./words.mjs";

const find = (id) => document.getElementById(id);

/** What is on the page now; a new file makes a new one, and what still runs for an old one is dropped. */
let task = { images: [], page: 0 };

const readout = (x, y) => {
  const values = task.shown?.flatMap((page) => {
    if (page === undefined || x < 0 || y < 0 || x >= page.width || y >= page.height) return [];
    const at = (y * page.width + x) * page.channels;
    return [Array.from(page.samples.subarray(at, at + page.channels)).join(" ")];
  });
  find("readout").textContent = values?.length ? `${x}, ${y}: ${values.join(" → ")}` : "";
};

const panes = linkedPanes([find("before"), find("after")], readout);

const stage = (word, values, fraction) => {
  find("progress").hidden = false;
  find("stage").textContent = say(word, values);
  if (fraction === undefined) find("bar").removeAttribute("value");
  else find("bar").value = fraction;
};

const showFailure = (failure) => {
  const known = failure instanceof Failure ? failure : new Failure("unexpected", String(failure));
  find("failure").textContent = sayFailure(known);
  find("failure").hidden = false;
  find("progress").hidden = true;
  if (known.code === "unauthorized") {
    find("access").hidden = false;
    find("token").focus();
  }
};

const setWindow = (low, high) => {
  find("low").value = low;
  find("high").value = high;
  panes.setWindow({ low, high });
  find("window-value").textContent = `${low} – ${high}`;
};

/** The counts as bars on a logarithmic scale, so that few pixels beside many are seen too. */
const drawHistogram = (counts, lowest, highest) => {
  const canvas = find("histogram");
  canvas.width = Math.max(1, Math.round(canvas.clientWidth * devicePixelRatio));
  canvas.height = Math.max(1, Math.round(canvas.clientHeight * devicePixelRatio));
  const bars = new Float64Array(canvas.width);
  const span = highest - lowest + 1;
  for (let value = lowest; value <= highest; value += 1) {
    bars[Math.floor(((value - lowest) / span) * bars.length)] += counts[value];
  }
  const tallest = Math.log1p(Math.max(...bars));
  const context = canvas.getContext("2d");
  context.fillStyle = getComputedStyle(canvas).color;
  for (const [x, count] of bars.entries()) {
    const height = (canvas.height * Math.log1p(count)) / tallest;
    context.fillRect(x, canvas.height - height, 1, height);
  }
};

/** Sets the limits by the first image, so that both are seen through the same window. */
const adoptPage = (page) => {
  const counts = histogramOf(page);
  const lowest = percentile(counts, 0);
  const highest = Math.max(lowest + 1, percentile(counts, 1));
  for (const id of ["low", "high"]) Object.assign(find(id), { min: lowest, max: highest });
  task.automatic = [percentile(counts, 0.001), Math.max(lowest + 1, percentile(counts, 0.999))];
  setWindow(...task.automatic);
  drawHistogram(counts, lowest, highest);
};

const showPage = async (index) => {
  const mine = task;
  const pages = await Promise.all(mine.images.map((image) => image.page(index)));
  if (mine !== task) return;
  const isNew = mine.page !== index || mine.shown === undefined;
  Object.assign(mine, { page: index, shown: pages });
  find("page").value = index + 1;
  find("previous").disabled = index === 0;
  find("next").disabled = index === mine.images[0].count - 1;
  panes.show(0, pages[0]);
  panes.show(1, pages[1]);
  find("controls").hidden = false;
  if (isNew) adoptPage(pages[0]);
};

const goToPage = (index) => {
  const last = (task.images[0]?.count ?? 1) - 1;
  showPage(Math.min(last, Math.max(0, index))).catch(showFailure);
};

const describe = (file, { width, height, bits, channels }, count) =>
  [
    say("pixels", { width, height }),
    say("bits", { bits }),
    channels === 3 ? say("colour") : "",
    count > 1 ? say("pageTotal", { pages: count }) : "",
    file.size < 1e6 ? `${number(file.size / 1e3)} kB` : `${number(file.size / 1e6)} MB`,
  ]
    .filter((part) => part !== "")
    .join(" · ");

/** Drops the result, of which the link and the report speak. */
const forgetResult = () => {
  if (task.result !== undefined) URL.revokeObjectURL(task.result);
  find("report").hidden = true;
  find("download").hidden = true;
  find("denoise").classList.add("primary");
};

const ready = (isReady) => {
  find("denoise").hidden = !isReady;
  find("cancel").hidden = isReady;
  find("strength").disabled = !isReady;
};

const chooseFile = async (file) => {
  task.controller?.abort(new Failure("stageCancelled", ""));
  if (task.job !== undefined) cancelJob(task.job).catch(() => undefined);
  forgetResult();
  const mine = { file, images: [], page: 0 };
  task = mine;
  find("failure").hidden = true;
  find("nothing").hidden = false;
  find("start").hidden = true;
  find("work").hidden = false;
  find("name").textContent = file.name;
  find("facts").textContent = "";
  panes.show(0, undefined);
  panes.show(1, undefined);
  find("controls").hidden = true;
  ready(true);
  stage("stageReading");
  try {
    const image = await openImage(file);
    if (mine !== task) return;
    mine.images = [image];
    find("pages").hidden = image.count === 1;
    find("page").max = image.count;
    find("page-count").textContent = say("pageCount", { count: image.count });
    await showPage(0);
    if (mine !== task) return;
    find("facts").textContent = describe(file, mine.shown[0], image.count);
    find("progress").hidden = true;
  } catch (failure) {
    // What cannot be shown here may still be denoised: the platform decides.
    if (mine === task) showFailure(failure);
  }
};

const showJob = (job) => {
  const { done, total } = job.progress;
  if (task.cancelling) stage("stageCancelling");
  else if (job.status === "queued" && job.etaSeconds !== undefined) stage("stageWaking", { seconds: job.etaSeconds });
  else if (job.status === "queued") stage("stageQueued");
  else if (total === 0) stage("stageStarted");
  else stage("stageDenoising", { done, total }, done / total);
};

const rows = (list, entries) =>
  list.replaceChildren(
    ...entries.flatMap(([name, value]) =>
      [
        ["dt", name],
        ["dd", value],
      ].map(([tag, text]) => Object.assign(document.createElement(tag), { textContent: text })),
    ),
  );

const timingNames = ["queueMs", "readMs", "decodeMs", "inferMs", "encodeMs", "writeMs", "totalMs"];

/** What the quality report says, in sentences; that detail was removed stands among the warnings. */
const qualitySentences = ({ report, warnings = [] }) => {
  if (report?.quality === undefined) return [];
  const { sigmaBeforeLsb, sigmaAfterLsb, snrGainDb, meanShiftLsb, clippedShare } = report.quality.typical;
  const gain = { before: number(sigmaBeforeLsb), after: number(sigmaAfterLsb), gain: number(snrGainDb) };
  return [
    snrGainDb === undefined ? say("qualityNoFlat") : say("qualityGain", gain),
    say("qualityShift", { shift: number(meanShiftLsb), clipped: number(100 * clippedShare) }),
    ...(warnings.some(({ code }) => code === "detail_removed") ? [] : [say("qualityNoise")]),
    say("qualityAcceptance"),
  ];
};

const items = (texts) => texts.map((textContent) => Object.assign(document.createElement("li"), { textContent }));

const showReport = (job) => {
  const noise = job.report?.noise ?? [];
  const nameOf = ({ page, channel }) => {
    if (noise.length === 1) return say("wholeImage");
    const isColour = noise.some((other) => other.channel !== channel);
    return say(isColour ? "pageChannel" : "pageOnly", { page: page + 1, channel: channel + 1 });
  };
  rows(
    find("noise"),
    noise.map((each) => [nameOf(each), say("lsb", { value: number(each.sigmaLsb) })]),
  );
  find("quality").replaceChildren(...items(qualitySentences(job)));
  const timings = job.timings ?? {};
  rows(
    find("timings"),
    timingNames
      .filter((name) => name in timings)
      .map((name) => [say(name), say("milliseconds", { value: number(Math.round(timings[name]), 6) })]),
  );
  rows(
    find("provenance"),
    [
      [say("model"), job.model && `${job.model.name} ${job.model.version} @ ${job.model.sha256.slice(0, 12)}`],
      [say("engine"), job.engine],
      [say("job"), job.id],
    ].filter(([, value]) => value !== undefined),
  );
  find("warnings").replaceChildren(
    ...items((job.warnings ?? []).map((warning) => `${say("warning")}: ${sayFailure(warning)}`)),
  );
  find("report").hidden = false;
};

const showResult = async (mine, blob, job) => {
  const image = await openImage(blob);
  if (mine !== task) return;
  mine.images = [mine.images[0] ?? image, image];
  mine.result = URL.createObjectURL(blob);
  const link = document.createElement("a");
  Object.assign(link, {
    className: "button primary",
    href: mine.result,
    download: mine.file.name.replace(/(\.\w+)$/, "-denoised$1"),
    textContent: say("download"),
  });
  find("download").replaceChildren(link);
  find("download").hidden = false;
  find("denoise").classList.remove("primary");
  find("nothing").hidden = true;
  showReport(job);
  await showPage(mine.page);
};

const denoise = async () => {
  const mine = task;
  const startedAt = performance.now();
  mine.controller = new AbortController();
  mine.cancelling = false;
  const { signal } = mine.controller;
  const current = () => mine === task;
  const megabytes = (bytes) => number(bytes / 1e6);
  find("failure").hidden = true;
  forgetResult();
  ready(false);
  try {
    const total = megabytes(mine.file.size);
    if (mine.key === undefined) {
      stage("stageUploading", { done: 0, total }, 0);
      mine.key = await upload(
        mine.file,
        (sent, all) => current() && stage("stageUploading", { done: megabytes(sent), total }, sent / all),
        signal,
      );
    }
    const created = await createJob(mine.key, find("strength").valueAsNumber / 100, signal);
    mine.job = created.id;
    const job = await jobEnd(created.id, (seen) => current() && showJob(seen));
    mine.job = undefined;
    if (!current()) return;
    if (job.status === "cancelled") return stage("stageCancelled", {}, 0);
    stage("stageFetching");
    const result = await fetchResult(job.id, signal);
    if (!current()) return;
    await showResult(mine, result, job);
    if (current()) stage("stageDone", { seconds: number((performance.now() - startedAt) / 1000) }, 1);
  } catch (failure) {
    Object.assign(mine, { job: undefined, key: undefined });
    if (!current()) return;
    if (signal.aborted) stage("stageCancelled", {}, 0);
    else showFailure(failure);
  } finally {
    if (current()) ready(true);
  }
};

const cancel = () => {
  task.cancelling = true;
  stage("stageCancelling");
  if (task.job === undefined) task.controller.abort(new Failure("stageCancelled", ""));
  else cancelJob(task.job).catch((failure) => failure.code !== "job_ended" && showFailure(failure));
};

const showService = async () => {
  const states = { ready: "serviceReady", starting: "serviceStarting", asleep: "serviceAsleep" };
  const state = await ping().then(
    ({ service }) => service,
    () => "gone",
  );
  find("service").textContent = say(states[state] ?? "serviceGone");
  find("service").dataset.state = state;
};

const showStrength = () => {
  find("strength-value").textContent = `${find("strength").value} %`;
};

translatePage();
for (const id of ["low", "high", "page", "previous", "next"]) find(id).setAttribute("aria-label", say(id));
for (const id of ["before", "after"]) find(id).setAttribute("aria-label", say("paneHelp", { name: say(id) }));
showStrength();
showService();
setInterval(showService, 30_000);

find("other").addEventListener("click", () => find("file").click());
find("file").addEventListener("change", ({ target }) => {
  if (target.files.length > 0) chooseFile(target.files[0]);
  // So that choosing the same file again is noticed.
  target.value = "";
});
document.addEventListener("dragover", (event) => event.preventDefault());
document.addEventListener("drop", (event) => {
  event.preventDefault();
  const [file] = event.dataTransfer.files;
  if (file !== undefined) chooseFile(file);
});
find("strength").addEventListener("input", showStrength);
find("denoise").addEventListener("click", denoise);
find("cancel").addEventListener("click", cancel);
find("token").addEventListener("input", ({ target }) => setToken(target.value));
find("token").addEventListener("keydown", ({ key }) => {
  if (key === "Enter" && !find("denoise").hidden) denoise();
});
find("low").addEventListener("input", ({ target }) => {
  setWindow(Math.min(target.valueAsNumber, find("high").valueAsNumber - 1), find("high").valueAsNumber);
});
find("high").addEventListener("input", ({ target }) => {
  setWindow(find("low").valueAsNumber, Math.max(target.valueAsNumber, find("low").valueAsNumber + 1));
});
find("auto").addEventListener("click", () => task.automatic && setWindow(...task.automatic));
find("fit").addEventListener("click", panes.fit);
find("actual").addEventListener("click", () => panes.zoomTo(1));
find("previous").addEventListener("click", () => goToPage(task.page - 1));
find("next").addEventListener("click", () => goToPage(task.page + 1));
find("page").addEventListener("change", ({ target }) => goToPage((target.valueAsNumber || 1) - 1));
