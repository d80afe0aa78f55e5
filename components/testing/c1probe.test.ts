import * as aws from "@pulumi/aws";
import * as awsx from "@pulumi/awsx";
import * as pulumi from "@pulumi/pulumi";
import { it } from "vitest";
import { recordGraph } from "./graph";
class C extends pulumi.ComponentResource { constructor(name: string, opts?: pulumi.ComponentResourceOptions) { super("ddn:index:C", name, {}, opts);
 const vpc = new awsx.ec2.Vpc("v", {numberOfAvailabilityZones: 2}, {parent: this});
 const ids = vpc.routeTables.apply((ts) => (ts ?? []).map((t) => t.id));
 new aws.ec2.VpcEndpoint("e", {vpcId: vpc.vpcId, serviceName: "x", routeTableIds: ids}, {parent: this, protect: true});
 this.registerOutputs({});
}}
it("x", async () => {
  const g = await recordGraph(() => ({c: new C("a").urn}));
  console.log(JSON.stringify(g, null, 1));
  const g2 = await recordGraph(() => ({c: new C("a").urn}));
  console.log(g2.resources.length, g2.outputs);
});
