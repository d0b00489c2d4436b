/**
 * What repositories keep from collection (`ContentStore.open`, `roots`; `content/reachability.ts` has the rule): the manifests and blobs that
 * they hold, with all that these refer to. What they cease to hold, and when, `upkeep/collect-links.ts` and `upkeep/retention` say.
 */
export const REGISTRY_ROOTS: readonly string[] = [
  "SELECT digest FROM repository_manifests",
  "SELECT digest FROM repository_blobs",
];
