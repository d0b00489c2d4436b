import type { ErrorCode } from "../../errors/gantry-error.ts";
import type { Digest, DigestAlgorithm } from "../../oci/digest.ts";
import type { AppliedLayer, LowerWork } from "./applied-layer.ts";
import type { LayerLimits } from "./layer-limits.ts";

/** Unpacks one layer, in one pass over its bytes as they are stored. */
export interface ReceiveTask {
  readonly kind: "receive";
  /** Where the bytes come from: a file, or `chunk` messages. */
  readonly sourcePath?: string;
  /** Where to keep the bytes as they came; synced. */
  readonly blobPath?: string;
  readonly blobAlgorithm: DigestAlgorithm;
  /** The most bytes that may come. */
  readonly blobBytesMax?: number;
  /** Where to unpack to: an empty folder. */
  readonly directory?: string;
  /** Instead of unpacking, hands the decompressed bytes on in `unpacked` messages. @default false */
  readonly handsOn?: boolean;
  readonly limits: LayerLimits;
}

/** Unpacks the decompressed bytes that come into an empty folder. */
export interface ApplyTask {
  readonly kind: "apply";
  readonly directory: string;
  readonly limits: LayerLimits;
}

export interface ReceivedLayer {
  /** Of the bytes as they came. */
  readonly digest: Digest;
  readonly sizeBytes: number;
  /** If it was unpacked. */
  readonly applied?: AppliedLayer;
}

/** Completes a layer from those below it, and brings it to the disk. */
export interface FinishTask {
  readonly kind: "finish";
  readonly directory: string;
  /** Topmost first. */
  readonly lower: readonly string[];
  readonly work: LowerWork;
}

/** Removes a tree, however deep and large. */
export interface RemoveTask {
  readonly kind: "remove";
  readonly path: string;
}

/** Takes an archive apart: each file goes to a numbered file in a folder. */
export interface SplitTask {
  readonly kind: "split";
  readonly directory: string;
  readonly limits: LayerLimits;
}

export interface ArchiveMember {
  readonly name: string;
  /** The name of another member that this one is the same as. */
  readonly linkTarget?: string;
  /** Where its bytes are; not for links. */
  readonly path?: string;
  readonly digest?: Digest;
  readonly sizeBytes: number;
}

export interface SplitResult {
  readonly members: readonly ArchiveMember[];
}

/** Makes a layer of a folder. */
export interface PackTask {
  readonly kind: "pack";
  readonly directory: string;
  readonly format: "overlay" | "plain";
  /** Where the tar goes, compressed as asked; synced. */
  readonly outputPath: string;
  readonly compression: "none" | "gzip";
}

export interface PackedLayer {
  readonly diffId: Digest;
  readonly digest: Digest;
  readonly sizeBytes: number;
}

export type WorkerTask = ReceiveTask | ApplyTask | FinishTask | RemoveTask | SplitTask | PackTask;

/** What goes to the thread. One task at a time. */
export type ToWorker =
  | { readonly kind: "task"; readonly task: WorkerTask }
  | { readonly kind: "chunk"; readonly bytes: Uint8Array }
  | { readonly kind: "end" }
  /** So many bytes of the `unpacked` ones were taken on. */
  | { readonly kind: "room"; readonly bytes: number };

/** What comes from it. */
export type FromWorker =
  | { readonly kind: "taken"; readonly bytes: number }
  | { readonly kind: "progress"; readonly bytes: number }
  | { readonly kind: "unpacked"; readonly bytes: Uint8Array }
  | { readonly kind: "done"; readonly result: unknown }
  | {
      readonly kind: "failed";
      readonly code: ErrorCode;
      readonly message: string;
      readonly hint?: string;
      readonly cause?: string;
    };
