import * as aws from "@pulumi/aws";
import type * as pulumi from "@pulumi/pulumi";
import { apiCors } from "../contract/routes";

/** An own domain name, with its certificate in the same region. */
export interface ApiDomain {
  readonly name: string;
  readonly certificateArn: pulumi.Input<string>;
}

/** What the gateway itself answers preflights with; nothing without origins. */
export const corsConfiguration = (
  origins: readonly string[],
): aws.types.input.apigatewayv2.ApiCorsConfiguration | undefined =>
  origins.length === 0
    ? undefined
    : {
        allowOrigins: [...origins],
        allowMethods: [...apiCors.methods],
        allowHeaders: [...apiCors.allowHeaders],
        exposeHeaders: [...apiCors.exposeHeaders],
        maxAge: apiCors.maxAgeSeconds,
      };

export const httpApi = (
  name: string,
  physicalName: string,
  corsOrigins: readonly string[],
  parent: pulumi.Resource,
): aws.apigatewayv2.Api => {
  const cors = corsConfiguration(corsOrigins);
  return new aws.apigatewayv2.Api(
    name,
    { name: physicalName, protocolType: "HTTP", ...(cors === undefined ? {} : { corsConfiguration: cors }) },
    { parent },
  );
};

/** Lets the API be called by its own domain name, once a CNAME record leads there. */
export const apiDomain = (
  name: string,
  api: aws.apigatewayv2.Api,
  stage: aws.apigatewayv2.Stage,
  domain: ApiDomain,
  parent: pulumi.Resource,
): aws.apigatewayv2.DomainName => {
  const { certificateArn } = domain;
  const domainName = new aws.apigatewayv2.DomainName(
    name,
    {
      domainName: domain.name,
      domainNameConfiguration: { certificateArn, endpointType: "REGIONAL", securityPolicy: "TLS_1_2" },
    },
    { parent },
  );
  new aws.apigatewayv2.ApiMapping(name, { apiId: api.id, domainName: domainName.id, stage: stage.id }, { parent });
  return domainName;
};
