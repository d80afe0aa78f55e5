import type { ApiEvent, ApiResult } from "../event";

/** An event of API Gateway as a test means it: the route, and only what the test is about. */
export const eventOf = (routeKey: string, more: Partial<Omit<ApiEvent, "routeKey">> = {}): ApiEvent => {
  const [method = "GET", path = "/"] = routeKey === "$default" ? [] : routeKey.split(" ");
  return {
    routeKey,
    rawPath: path,
    rawQueryString: "",
    headers: {},
    isBase64Encoded: false,
    requestContext: { requestId: "request-1", http: { method } },
    ...more,
  };
};

/** The answer's body, read as what the test expects it to be. */
export const bodyOf = <T>(result: ApiResult): T => JSON.parse(result.body) as T;
