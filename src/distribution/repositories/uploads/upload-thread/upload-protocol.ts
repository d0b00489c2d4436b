import type { DigestAlgorithm } from "../../../../oci/digest.ts";
import type { BodyPlace } from "../../../../platform/http/body-receiver.ts";

/** What the thread of uploads is told. Each call is answered once; `drop` is not. */
export type UploadCall =
  | {
      readonly kind: "write";
      readonly call: number;
      /** Which hash goes on, one that is new if nobody has heard of it. */
      readonly hash: number;
      readonly algorithm: DigestAlgorithm;
      readonly fd: number;
      readonly position: number;
      readonly chunk: Uint8Array;
      /** Where more of the body is. */
      readonly place?: Pick<BodyPlace, "fd" | "bytesMax">;
    }
  | { readonly kind: "digest"; readonly call: number; readonly hash: number }
  | { readonly kind: "drop"; readonly hash: number };

export interface UploadAnswer {
  readonly call: number;
  /** Of `digest`: in hexadecimal. */
  readonly digest?: string;
  /** Of `write`: how many bytes were taken from its place, also if they could not be written. */
  readonly takenBytes?: number;
  /** What the file system says of a write. */
  readonly problem?: { readonly message: string; readonly code?: string };
}
