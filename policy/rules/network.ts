import { type Resource, type Rule, resourceRule, stackRule, told } from "../rule";
import { innerPorts } from "./containers";

/** How long a request through the gateway takes at most, in seconds. */
const longestRequest = 30;

interface Opening {
  readonly ipProtocol?: string;
  readonly fromPort?: number;
  readonly toPort?: number;
  readonly sources: readonly (string | undefined)[];
}

/** What a resource lets in, whether it is a rule or a group that carries rules. */
const openings = (resource: Resource): readonly Opening[] => {
  const { props } = resource;
  if (resource.type === "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule") {
    return [{ ...props, sources: [props.cidrIpv4 as string | undefined, props.cidrIpv6 as string | undefined] }];
  }
  if (resource.type !== "aws:ec2/securityGroup:SecurityGroup") return [];
  const inline = (props.ingress ?? []) as (Opening & { protocol: string; cidrBlocks?: []; ipv6CidrBlocks?: [] })[];
  return inline.map((rule) => ({
    ...rule,
    ipProtocol: rule.protocol,
    sources: [...(rule.cidrBlocks ?? []), ...(rule.ipv6CidrBlocks ?? [])],
  }));
};

const lets = ({ ipProtocol, fromPort, toPort }: Opening, port: number): boolean =>
  ipProtocol === "-1" || ((fromPort ?? 0) <= port && port <= (toPort ?? 65_535));

const ingressRule = (name: string, description: string, fault: (opening: Opening) => string | false): Rule => ({
  name,
  description,
  production: false,
  scope: "resource",
  check: (resources) => resources.flatMap((resource) => told(resource, openings(resource).map(fault))),
});

const loadBalancer = "aws:lb/loadBalancer:LoadBalancer";

export const networkRules: readonly Rule[] = [
  ingressRule(
    "ingress-from-within",
    "No security group lets the whole world in (FSBP EC2.18).",
    ({ sources }) => sources.some((source) => source === "0.0.0.0/0" || source === "::/0") && "lets the whole world in",
  ),
  ingressRule(
    "ingress-spares-inner-ports",
    "No security group opens a port of the engine, or a shell (FSBP EC2.13).",
    (opening) => {
      const port = [22, ...innerPorts].find((each) => lets(opening, each));
      return port !== undefined && `opens port ${port}`;
    },
  ),
  resourceRule(
    loadBalancer,
    { name: "load-balancer-internal", description: "No load balancer faces the internet; the gateway does." },
    ({ internal }) => [internal !== true && "faces the internet"],
  ),
  resourceRule(
    loadBalancer,
    {
      name: "load-balancer-drops-invalid-headers",
      description: "No malformed header reaches the server (FSBP ELB.4).",
    },
    ({ dropInvalidHeaderFields }) => [dropInvalidHeaderFields !== true && "passes malformed headers on"],
  ),
  resourceRule(
    loadBalancer,
    {
      name: "load-balancer-kept",
      description: "The load balancer is not deleted by accident (FSBP ELB.6).",
      production: true,
    },
    ({ enableDeletionProtection }) => [enableDeletionProtection !== true && "can be deleted by accident"],
  ),
  resourceRule(
    "aws:lb/targetGroup:TargetGroup",
    { name: "target-health-checked", description: "Only a server whose engine answers takes requests." },
    ({ healthCheck }) => [
      (healthCheck?.path !== "/healthz" || healthCheck.matcher !== "200") && "does not ask /healthz for 200",
    ],
  ),
  resourceRule(
    "aws:lb/targetGroup:TargetGroup",
    { name: "target-drains", description: "A server that leaves finishes what it was asked." },
    ({ deregistrationDelay }) => [
      (deregistrationDelay ?? 300) < longestRequest &&
        `drains for less than the ${longestRequest} s a request may take`,
    ],
  ),
  stackRule(
    {
      name: "default-group-closed",
      description: "A VPC that is made has its default security group closed (FSBP EC2.2).",
    },
    (resources) => {
      const closed = resources.some(
        ({ type, props }) =>
          type === "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup" &&
          [props.ingress ?? [], props.egress ?? []].flat().length === 0,
      );
      return resources
        .filter(({ type }) => type === "awsx:ec2:Vpc" && !closed)
        .flatMap((vpc) => told(vpc, ["leaves its default security group open"]));
    },
  ),
];
