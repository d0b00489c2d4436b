/** What upkeep counts, as metrics: the name after `gantry_registry_`, and what it means. */
export const UPKEEP_METRICS = {
  collections: ["collections_total", "Collections that were completed."],
  collectionFailures: ["collection_failures_total", "Collections that failed."],
  collectionSeconds: ["collection_seconds_total", "How long collections took, while everything else went on."],
  linksRemoved: [
    "links_removed_total",
    "Times that a repository ceased to hold a blob which no manifest of it refers to.",
  ],
  blobsRemoved: ["blobs_removed_total", "Blobs that nothing needed any more."],
  bytesFreed: ["freed_bytes_total", "Bytes of blobs that nothing needed any more."],
  uploadsGivenUp: ["uploads_given_up_total", "Uploads to which nothing came for too long."],
  tagsRetired: ["tags_retired_total", "Tags that rules of retention took away."],
  manifestsRetired: ["manifests_retired_total", "Manifests that rules of retention took away."],
  pullsRecorded: ["pulls_recorded_total", "Last pulls that were written down."],
  blobsVerified: ["blobs_verified_total", "Blobs that were read and hashed in the background."],
  bytesVerified: ["verified_bytes_total", "Bytes that were read and hashed in the background."],
  blobsDamaged: ["blobs_damaged_total", "Blobs that were not what they should be."],
  blobsRepaired: ["blobs_repaired_total", "Damaged blobs that were had again."],
  scrubPasses: ["scrub_passes_total", "Times that all of the store was verified."],
} as const satisfies Readonly<Record<string, readonly [name: string, help: string]>>;

/** What upkeep has done since the process began. */
export type UpkeepCounters = Record<keyof typeof UPKEEP_METRICS, number>;

export function newCounters(): UpkeepCounters {
  return Object.fromEntries(Object.keys(UPKEEP_METRICS).map((name) => [name, 0])) as UpkeepCounters;
}
