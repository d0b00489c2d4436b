import type { Deletion } from "./plan-retention.ts";

/** One deletion as one line: what goes, and why. */
export function formatDeletion(deletion: Deletion): string {
  const { repository, digest, cause } = deletion;
  const what = deletion.kind === "tag" ? `untag   ${repository}:${deletion.tag}` : `delete  ${repository}@${digest}`;
  return `${what}  ${cause}`;
}
