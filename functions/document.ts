import { openapiDocument } from "../contract/openapi";
import { problem, quote } from "../contract/problem";
import { routes } from "../contract/routes";
import { type ApiEvent, type ApiResult, jsonResult, problemResult } from "./event";

const documentPath = "/openapi.json";

const fits = (path: string, pattern: string): boolean => {
  const given = path.split("/");
  const wanted = pattern.split("/");
  return (
    given.length === wanted.length &&
    wanted.every((segment, index) => (segment.startsWith("{") ? given[index] !== "" : segment === given[index]))
  );
};

/** The methods that a path has, none for a path that is no route. */
const methodsOf = (path: string): readonly string[] =>
  routes.flatMap(({ key }) => {
    const [method, pattern] = key.split(" ");
    return method !== undefined && pattern !== undefined && fits(path, pattern) ? [method] : [];
  });

const notRouted = (event: ApiEvent): ApiResult => {
  const { method } = event.requestContext.http;
  const methods = methodsOf(event.rawPath);
  if (methods.length === 0) {
    const why = `Expected a route of this API but received ${quote(`${method} ${event.rawPath}`)}. GET ${documentPath} describes them all.`;
    return problemResult(event, problem("route_not_found", why));
  }
  const allow = methods.join(", ");
  const why = `Expected ${allow} for ${quote(event.rawPath)} but received ${quote(method)}.`;
  return problemResult(event, problem("method_not_allowed", why), { allow });
};

/** `GET /openapi.json`, and `$default`: every request that no route takes. */
export const documentHandler = () => {
  const document = openapiDocument();
  return async (event: ApiEvent): Promise<ApiResult> =>
    event.routeKey === `GET ${documentPath}` ? jsonResult(200, document) : notRouted(event);
};
