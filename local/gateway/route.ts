import type { RouteDefinition } from "../../contract/routes";

export interface MatchedRoute {
  readonly route: RouteDefinition;
  readonly pathParameters: Readonly<Record<string, string>>;
}

const decoded = (segment: string): string => {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
};

const parametersOf = (pattern: string, path: string): Record<string, string> | undefined => {
  const wanted = pattern.split("/");
  const given = path.split("/");
  if (wanted.length !== given.length) return undefined;
  const parameters: Record<string, string> = {};
  for (const [index, part] of wanted.entries()) {
    const name = /^\{(.+)\}$/.exec(part)?.[1];
    if (name === undefined ? part !== given[index] : given[index] === "") return undefined;
    if (name !== undefined) parameters[name] = decoded(given[index]);
  }
  return parameters;
};

/**
 * The route of a request, or `$default`.
 * Source: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html
 */
export const matchRoute = (
  routes: readonly RouteDefinition[],
  method: string,
  path: string,
): MatchedRoute | undefined => {
  for (const route of routes) {
    const [routeMethod, pattern] = route.key.split(" ");
    const pathParameters = pattern !== undefined && routeMethod === method ? parametersOf(pattern, path) : undefined;
    if (pathParameters !== undefined) return { route, pathParameters };
  }
  const fallback = routes.find(({ key }) => key === "$default");
  return fallback && { route: fallback, pathParameters: {} };
};
