import type { Server } from "node:http";

/**
 * Stops an HTTP server: no new connections, requests in progress are finished, and connections kept alive end as soon
 * as they are idle; what is still open after the grace period is cut off.
 */
export const closeServer = (server: Server, graceMs = 5000): Promise<void> =>
  new Promise((resolve) => {
    const sweep = setInterval(() => server.closeIdleConnections(), 20);
    const deadline = setTimeout(() => server.closeAllConnections(), graceMs);
    server.close(() => {
      clearInterval(sweep);
      clearTimeout(deadline);
      resolve();
    });
  });
