import { routes } from "../../contract/routes";
import { parsed } from "../document";
import { type Rule, resourceRule } from "../rule";

const open: ReadonlySet<string> = new Set(routes.filter((route) => route.open).map(({ key }) => key));

/** Node versions that are still patched. Source: https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html */
const runtimes: readonly string[] = ["nodejs22.x", "nodejs24.x"];

export const apiRules: readonly Rule[] = [
  resourceRule(
    "aws:apigatewayv2/route:Route",
    {
      name: "route-authorised",
      description: "Every route asks who calls, but those that the contract leaves open (FSBP APIGateway.8).",
    },
    ({ routeKey, authorizationType }) => [
      !open.has(String(routeKey)) &&
        authorizationType !== "JWT" &&
        authorizationType !== "AWS_IAM" &&
        `serves ${routeKey} to anybody`,
    ],
  ),
  resourceRule(
    "aws:apigatewayv2/stage:Stage",
    { name: "stage-throttled", description: "Every route has a rate and a burst of its own, and neither is 0." },
    ({ defaultRouteSettings, routeSettings = [] }) =>
      [defaultRouteSettings, ...routeSettings].map(
        (settings) =>
          (!((settings?.throttlingRateLimit ?? 0) > 0) || !((settings?.throttlingBurstLimit ?? 0) > 0)) &&
          `does not throttle ${settings !== undefined && "routeKey" in settings ? settings.routeKey : "what has no settings of its own"}`,
      ),
  ),
  resourceRule(
    "aws:apigatewayv2/stage:Stage",
    {
      name: "stage-logs-discreetly",
      description:
        "Accesses are logged, without queries, bodies or credentials: a presigned URL is one (FSBP APIGateway.9).",
    },
    ({ accessLogSettings }) => {
      if (accessLogSettings === undefined) return ["logs no access"];
      const noted = Object.values((parsed(accessLogSettings.format) ?? {}) as Record<string, string>);
      const indiscreet = noted.find(
        (value) => !/^\$context\./.test(value) || /query|header|body|request\.path/i.test(value),
      );
      return [indiscreet !== undefined && `logs ${indiscreet}`];
    },
  ),
  resourceRule(
    "aws:lambda/function:Function",
    {
      name: "function-runtime-supported",
      description: "Functions run on a Node that is still patched (FSBP Lambda.2).",
    },
    ({ runtime }) => [!runtimes.includes(String(runtime)) && `runs on ${runtime ?? "no runtime"}`],
  ),
  resourceRule(
    "aws:lambda/function:Function",
    { name: "function-environment-open", description: "No function takes a secret from its environment (FSBP ECS.8)." },
    ({ environment }) =>
      Object.keys(environment?.variables ?? {})
        .filter((name) => /SECRET|TOKEN|PASSWORD|KEY$/i.test(name))
        .map((name) => `takes ${name} from its environment`),
  ),
  resourceRule(
    "aws:lambda/permission:Permission",
    {
      name: "function-caller-named",
      description: "Only a service, on behalf of one source, may invoke a function (FSBP Lambda.1).",
    },
    ({ principal, sourceArn }) => [
      (!/^[a-z]+\.amazonaws\.com$/.test(String(principal)) || !/^arn:[^*]+/.test(sourceArn ?? "")) &&
        `lets ${principal} in from ${sourceArn ?? "everywhere"}`,
    ],
  ),
  resourceRule(
    "aws:lambda/functionUrl:FunctionUrl",
    {
      name: "function-without-open-url",
      description: "No function has an address of its own that asks nobody who calls.",
    },
    ({ authorizationType }) => [authorizationType !== "AWS_IAM" && "answers anybody"],
  ),
];
