import type { Digest, DigestAlgorithm } from "../../oci/digest.ts";
import type { StoredBlob } from "../ingest.ts";

/** Asks the thread to read a blob's file. */
export interface VerifyTask {
  readonly path: string;
  readonly algorithm: DigestAlgorithm;
  /** Read no more in a second, over all tasks; 0 for as fast as it goes. */
  readonly bytesPerSecond: number;
}

/** What the bytes in a file are, or why they cannot be read. */
export type Verification =
  | { readonly digest: Digest; readonly sizeBytes: number }
  | { readonly problem: string /** That the disk lost it, not that we cannot read now. */; readonly isLost: boolean };

/** Compares what is stored with what it should be. */
export interface BlobVerifier extends AsyncDisposable {
  /** What a blob's bytes are. @throws `cancelled` at the signal, `unavailable` if nothing can be verified now */
  verify(
    blob: StoredBlob,
    options: { readonly bytesPerSecond: number; readonly signal?: AbortSignal | undefined },
  ): Promise<Verification>;
}
