import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { gatewayLimits, type RouteDefinition } from "../contract/routes";

/** Who may call the routes that are not open. */
export type ApiAuth =
  | { readonly mode: "jwt"; readonly issuer: string; readonly audience: readonly string[] }
  | { readonly mode: "iam" | "none" };

/** The API server behind an internal load balancer. */
export interface ApiServer {
  readonly listenerArn: pulumi.Input<string>;
  readonly subnetIds: pulumi.Input<string[]>;
  /** Of the VPC link. */
  readonly securityGroupId: pulumi.Input<string>;
}

/** The part of a child's name that tells a route: `GET /jobs/{id}` is `get-jobs-id`, `$default` is `default`. */
const routeName = (key: string): string =>
  key
    .toLowerCase()
    .replace(/[^a-z]+/g, "-")
    .replace(/^-|-$/g, "");

/**
 * The invocations by one route, whatever the stage, as a function's policy tells them.
 * Source: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
 */
const routeArn = (executionArn: string, key: string): string => {
  const [method, path] = key.split(" ");
  return path === undefined
    ? `${executionArn}/*/${key}`
    : `${executionArn}/*/${method}${path.replace(/\{\w+\}/g, "*")}`;
};

export const functionIntegration = (
  name: string,
  api: aws.apigatewayv2.Api,
  handler: aws.lambda.Function,
  parent: pulumi.Resource,
): aws.apigatewayv2.Integration =>
  new aws.apigatewayv2.Integration(
    name,
    {
      apiId: api.id,
      integrationType: "AWS_PROXY",
      integrationUri: handler.arn,
      payloadFormatVersion: "2.0",
      timeoutMilliseconds: gatewayLimits.timeoutSeconds * 1000,
    },
    { parent },
  );

/** Through a VPC link to the load balancer, which no request from outside reaches otherwise. */
export const serverIntegration = (
  name: string,
  api: aws.apigatewayv2.Api,
  { listenerArn, subnetIds, securityGroupId }: ApiServer,
  key: string,
  parent: pulumi.Resource,
): aws.apigatewayv2.Integration => {
  const link = new aws.apigatewayv2.VpcLink(name, { subnetIds, securityGroupIds: [securityGroupId] }, { parent });
  const [method, path] = key.split(" ");
  return new aws.apigatewayv2.Integration(
    name,
    {
      apiId: api.id,
      integrationType: "HTTP_PROXY",
      integrationMethod: method,
      integrationUri: listenerArn,
      connectionType: "VPC_LINK",
      connectionId: link.id,
      payloadFormatVersion: "1.0",
      timeoutMilliseconds: gatewayLimits.timeoutSeconds * 1000,
      requestParameters: { "overwrite:path": path },
    },
    { parent },
  );
};

/** Checks a route's callers; undefined where the gateway does that by itself or nobody is checked. */
export const jwtAuthorizer = (
  name: string,
  api: aws.apigatewayv2.Api,
  auth: ApiAuth,
  parent: pulumi.Resource,
): aws.apigatewayv2.Authorizer | undefined =>
  auth.mode !== "jwt"
    ? undefined
    : new aws.apigatewayv2.Authorizer(
        name,
        {
          apiId: api.id,
          authorizerType: "JWT",
          identitySources: ["$request.header.Authorization"],
          jwtConfiguration: { issuer: auth.issuer, audiences: [...auth.audience] },
        },
        { parent },
      );

export const authorizationType = (open: boolean, auth: ApiAuth): "NONE" | "JWT" | "AWS_IAM" => {
  if (open) return "NONE";
  return ({ jwt: "JWT", iam: "AWS_IAM", none: "NONE" } as const)[auth.mode];
};

export interface ApiRouteArgs {
  readonly api: aws.apigatewayv2.Api;
  readonly auth: ApiAuth;
  readonly authorizer: aws.apigatewayv2.Authorizer | undefined;
  readonly integration: aws.apigatewayv2.Integration;
  /** The function that the route calls; none for one of the server. */
  readonly handler: aws.lambda.Function | undefined;
}

export const apiRoute = (
  prefix: string,
  { key, open }: RouteDefinition,
  { api, auth, authorizer, integration, handler }: ApiRouteArgs,
  parent: pulumi.Resource,
): aws.apigatewayv2.Route => {
  const name = `${prefix}-${routeName(key)}`;
  if (handler !== undefined) {
    new aws.lambda.Permission(
      name,
      {
        action: "lambda:InvokeFunction",
        function: handler.name,
        principal: "apigateway.amazonaws.com",
        sourceArn: api.executionArn.apply((arn) => routeArn(arn, key)),
      },
      { parent },
    );
  }
  return new aws.apigatewayv2.Route(
    name,
    {
      apiId: api.id,
      routeKey: key,
      target: pulumi.interpolate`integrations/${integration.id}`,
      authorizationType: authorizationType(open, auth),
      ...(open || authorizer === undefined ? {} : { authorizerId: authorizer.id }),
    },
    { parent },
  );
};
