import type { RecordedGraph, RecordedResource } from "./graph";

/** The resources of one type, by name and in its order. @param type such as `aws:s3/bucket:Bucket` */
export const ofType = ({ resources }: RecordedGraph, type: string): Record<string, RecordedResource> => {
  const found = resources.filter((resource) => resource.type === type);
  found.sort((a, b) => (a.name < b.name ? -1 : 1));
  return Object.fromEntries(found.map((each) => [each.name, each]));
};

/** Their inputs alone, by name. */
export const inputsOf = (graph: RecordedGraph, type: string): Record<string, RecordedResource["props"]> =>
  Object.fromEntries(Object.entries(ofType(graph, type)).map(([name, { props }]) => [name, props]));

/** How many resources of each type that are more than a frame around others. */
export const countByType = ({ resources }: RecordedGraph): Record<string, number> => {
  const counts: Record<string, number> = {};
  for (const { type } of resources) {
    if (!type.startsWith("ddn:") && !type.startsWith("pulumi:")) counts[type] = (counts[type] ?? 0) + 1;
  }
  return counts;
};

/** Names of the resources that this one waits for, and is destroyed before. */
export const waitsFor = ({ resources }: RecordedGraph, { dependencies }: RecordedResource): string[] =>
  dependencies.map((urn) => resources.find((each) => each.urn === urn)?.name ?? urn).sort();
