import { setPriority } from "node:os";
import { parentPort, workerData } from "node:worker_threads";
import type { TileEngine } from "./engines/engine";
import { decodePage } from "./images/decode";
import { createImageWriter } from "./images/writer";
import { type Failure, failureOf, type RunOrder, type Said, type Told } from "./imagingThreads";
import { pagesDenoiser } from "./jobs/denoisePages";
import { denoisePage } from "./pixels/denoisePage";

/** Added to the niceness of threads for whose work nobody waits. */
const patience = 10;
// Of this thread alone, on Linux; elsewhere it would be the whole process's.
// Source: https://man7.org/linux/man-pages/man2/setpriority.2.html, BUGS
if (workerData === "patient" && process.platform === "linux") setPriority(patience);

const denoisePages = pagesDenoiser({ decodePage, denoisePage, createImageWriter });

interface Run {
  stop(): void;
  answer(tile: number, answer: { readonly denoised: Uint16Array } | { readonly failure: Failure }): void;
}

const runs = new Map<number, Run>();
const say = (said: Said, transfer: readonly ArrayBuffer[] = []): void => parentPort?.postMessage(said, transfer);

const begin = (run: number, order: RunOrder): void => {
  const stopping = new AbortController();
  const waiting = new Map<number, { resolve(denoised: Uint16Array): void; reject(reason: Error): void }>();
  let lastTile = 0;
  const denoise: TileEngine["denoise"] = (image, params) =>
    new Promise((resolve, reject) => {
      lastTile += 1;
      waiting.set(lastTile, { resolve, reject });
      say({ run, tile: lastTile, image, params }, [image.image.buffer as ArrayBuffer]);
    });
  runs.set(run, {
    stop: () => stopping.abort(new Error("The run was stopped.")),
    answer: (tile, answer) => {
      const asked = waiting.get(tile);
      waiting.delete(tile);
      if ("denoised" in answer) asked?.resolve(answer.denoised);
      else asked?.reject(new Error(answer.failure.message));
    },
  });
  denoisePages({
    ...order,
    engine: { ...order.engine, denoise },
    signal: stopping.signal,
    onTile: () => say({ run, tileDone: true }),
  })
    .then(
      (ended) => say({ run, ended }),
      (error: unknown) => say({ run, failure: failureOf(error) }),
    )
    .finally(() => runs.delete(run));
};

parentPort?.on("message", (told: Told) => {
  if ("begin" in told) begin(told.run, told.begin);
  else if ("stop" in told) runs.get(told.run)?.stop();
  else runs.get(told.run)?.answer(told.tile, told);
});
