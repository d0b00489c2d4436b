import type { Digest } from "../../../oci/digest.ts";
import type { RepositoryName, Tag } from "../../repositories/repository-name.ts";

/** A manifest, as retention looks at it. Times are milliseconds since 1970. */
export interface ObservedManifest {
  readonly digest: Digest;
  readonly pushedMs: number;
  readonly pulledMs?: number;
  /** When a tag or an index last ceased to name it. */
  readonly releasedMs?: number;
  /** What it says something about: a signature, a bill of materials. It need not be there. */
  readonly subject?: Digest;
  /** The manifests that it refers to as an index does, whether or not they are there. */
  readonly children: readonly Digest[];
}

export interface ObservedTag {
  readonly tag: Tag;
  readonly digest: Digest;
  readonly taggedMs: number;
}

/** All that is in a repository. */
export interface ObservedRepository {
  readonly repository: RepositoryName;
  readonly manifests: readonly ObservedManifest[];
  readonly tags: readonly ObservedTag[];
}
