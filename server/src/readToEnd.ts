import type { IncomingMessage } from "node:http";

/**
 * Reads on to the end of a body that nobody wants, within bounds, so that clients that send it all first get to see the
 * refusal: to close the connection on what they send would take the answer from them.
 */
export const readToEnd = (
  request: IncomingMessage,
  { bytes, milliseconds }: { readonly bytes: number; readonly milliseconds: number },
): Promise<void> =>
  new Promise((resolve) => {
    if (request.readableEnded || request.destroyed) return resolve();
    let rest = bytes;
    const timer = setTimeout(resolve, milliseconds);
    const done = (): void => {
      clearTimeout(timer);
      resolve();
    };
    request.on("data", (piece: Buffer) => {
      rest -= piece.length;
      if (rest < 0) done();
    });
    request.once("end", done).once("close", done).once("error", done);
    request.resume();
  });
