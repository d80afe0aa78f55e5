import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";

/**
 * What becomes of bytes on their way: on; nowhere, as are all that follow on that connection, which nobody closes; or the
 * connection is reset after so many bytes of an answer.
 */
export type Fate = "pass" | "swallow" | { readonly resetAfterBytes: number; readonly once?: boolean };

export interface TcpProxy {
  readonly url: string;
  /** Of whatever comes from now on, on old connections too. */
  fate: Fate;
  close(): Promise<void>;
}

/** A TCP proxy on loopback that fails as networks do. */
export const startTcpProxy = async (targetPort: number): Promise<TcpProxy> => {
  const sockets = new Set<Socket>();
  let fate: Fate = "pass";
  const server = createServer((client) => {
    const target = connect(targetPort, "127.0.0.1");
    for (const [from, to] of [
      [client, target],
      [target, client],
    ]) {
      sockets.add(from);
      from.on("error", () => to.destroy());
      from.on("close", () => {
        sockets.delete(from);
        to.destroy();
      });
    }
    let dead = false;
    const swallows = (): boolean => {
      dead ||= fate === "swallow";
      return dead;
    };
    client.on("data", (chunk) => {
      if (!swallows()) target.write(chunk);
    });
    let answered = 0;
    target.on("data", (chunk) => {
      if (swallows()) return;
      if (typeof fate === "string") {
        client.write(chunk);
        return;
      }
      const left = Math.max(0, fate.resetAfterBytes - answered);
      answered += chunk.length;
      if (left > 0) client.write(chunk.subarray(0, left));
      if (answered < fate.resetAfterBytes) return;
      client.resetAndDestroy();
      if (fate.once) fate = "pass";
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return {
    url: `http://127.0.0.1:${address.port}`,
    get fate() {
      return fate;
    },
    set fate(next) {
      fate = next;
    },
    close: async () => {
      const closed = once(server, "close");
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
};
