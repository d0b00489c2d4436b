import type { Digest } from "../../oci/digest.ts";

/** What remains to be done once the layers below are there. */
export interface LowerWork {
  /** Folders that the layer uses and does not describe: below, they have the owner and mode that they must keep. Parents first. */
  readonly implicitDirectories: readonly string[];
  /** Hard links to files of the layers below. */
  readonly links: readonly { readonly path: string; readonly target: string }[];
}

/** A layer that has been unpacked. */
export interface AppliedLayer {
  /** Of the uncompressed tar, to its last byte. */
  readonly diffId: Digest;
  /** Bytes of the files in it, as Docker counts: links to the same file once. */
  readonly sizeBytes: number;
  readonly entries: number;
  /** The layer hides everything below it. */
  readonly isOpaque: boolean;
  readonly lowerWork: LowerWork;
  /** Things that the file system would not take, such as an attribute that it does not know. A bounded number of sentences. */
  readonly warnings: readonly string[];
}
