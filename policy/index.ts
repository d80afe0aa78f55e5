import { type Policies, PolicyPack, type PolicyResource } from "@pulumi/policy";
import type { Resource, Rule } from "./rule";
import { rules } from "./rules";

const seen = ({ type, name, urn, props, propertyDependencies }: PolicyResource): Resource => ({
  type,
  name,
  urn,
  props,
  propertyDependencies: Object.fromEntries(
    Object.entries(propertyDependencies).map(([input, resources]) => [
      input,
      resources.map((resource) => resource.urn),
    ]),
  ),
});

const policy = ({ name, description, production, scope, check }: Rule): Policies[number] => ({
  name,
  description,
  enforcementLevel: production ? "disabled" : "mandatory",
  ...(scope === "resource"
    ? {
        validateResource: (resource, report) => {
          for (const { message } of check([{ ...resource, propertyDependencies: {} }])) report(message);
        },
      }
    : {
        validateStack: ({ resources }, report) => {
          for (const { message, urn } of check(resources.map(seen))) report(message, urn);
        },
      }),
});

new PolicyPack("ddn", {
  description: "What the Deep Denoising Platform holds to be safe",
  policies: rules.map(policy),
});
