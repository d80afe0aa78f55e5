import * as aws from "@pulumi/aws";
import type * as pulumi from "@pulumi/pulumi";
import { routes } from "../contract/routes";

/**
 * One line for each request, without its path and query, its body and any credential.
 * Source: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-logging-variables.html
 */
const accessLogFormat = (): string =>
  JSON.stringify({
    time: "$context.requestTime",
    requestId: "$context.requestId",
    routeKey: "$context.routeKey",
    status: "$context.status",
    sourceIp: "$context.identity.sourceIp",
    userAgent: "$context.identity.userAgent",
    subject: "$context.authorizer.claims.sub",
    caller: "$context.identity.userArn",
    latencyMs: "$context.responseLatency",
    integrationLatencyMs: "$context.integrationLatency",
    responseBytes: "$context.responseLength",
    error: "$context.error.message",
    authorizerError: "$context.authorizer.error",
    integrationError: "$context.integration.error",
  });

export interface ApiStageArgs {
  readonly api: aws.apigatewayv2.Api;
  readonly apiRoutes: readonly aws.apigatewayv2.Route[];
  /** Requests a second and at once that each route takes. */
  readonly rateLimit: number;
  readonly burstLimit: number;
  readonly logRetentionDays: number;
  readonly keyArn: pulumi.Input<string> | undefined;
}

export const apiStage = (
  name: string,
  { api, apiRoutes, rateLimit, burstLimit, logRetentionDays, keyArn }: ApiStageArgs,
  parent: pulumi.Resource,
): aws.apigatewayv2.Stage => {
  const logGroup = new aws.cloudwatch.LogGroup(
    `${name}-access`,
    { retentionInDays: logRetentionDays, ...(keyArn === undefined ? {} : { kmsKeyId: keyArn }) },
    { parent },
  );
  const throttle = { throttlingRateLimit: rateLimit, throttlingBurstLimit: burstLimit };
  return new aws.apigatewayv2.Stage(
    name,
    {
      apiId: api.id,
      name: "$default",
      autoDeploy: true,
      accessLogSettings: { destinationArn: logGroup.arn, format: accessLogFormat() },
      defaultRouteSettings: throttle,
      // A route whose settings say nothing of throttling takes no request at all.
      // Source: https://github.com/pulumi/pulumi-aws/issues/2363
      routeSettings: routes.map(({ key }) => ({ routeKey: key, ...throttle })),
    },
    // Settings of a route that is not there yet are refused.
    // Source: https://github.com/terraform-aws-modules/terraform-aws-apigateway-v2/pull/80
    { parent, dependsOn: [...apiRoutes] },
  );
};
