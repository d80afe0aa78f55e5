import { expected } from "../contract/problem";
import type { Authorization } from "./authorization";
import { DdnError } from "./error";

export interface ApiCall {
  /** @default "GET" */
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly signal?: AbortSignal | undefined;
}

/** Sends to a path of one API, and nowhere else. */
export type ApiFetch = (path: string, call?: ApiCall) => Promise<Response>;

const isThisMachine = (hostname: string): boolean => /^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname);

/**
 * A fetch of one API that lets its requests in. Redirects are answers here, never followed: they could carry credentials to another
 * origin. Storage and open routes are not its business.
 * @throws DdnError `address_insecure` when credentials would travel in clear to another machine
 */
export const apiFetch = (base: string, authorization: Authorization | undefined, send: typeof fetch): ApiFetch => {
  const { protocol, hostname, origin } = new URL(base);
  if (authorization !== undefined && protocol !== "https:" && !isThisMachine(hostname)) {
    const remedy = "Whoever listens on the way could use the credentials.";
    throw new DdnError(0, "address_insecure", expected("an https address", "api", origin, remedy));
  }
  return async (path, { method = "GET", headers = {}, body, signal } = {}) => {
    const url = `${base}${path}`;
    const content = body === undefined ? {} : { body };
    const granted = await authorization?.headersFor({ method, url: new URL(url), headers, ...content });
    return send(url, {
      method,
      headers: { ...headers, ...granted },
      ...content,
      signal: signal ?? null,
      redirect: "manual",
    });
  };
};
