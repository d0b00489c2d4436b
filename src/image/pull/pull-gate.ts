import type { RegistryClient } from "../../distribution/client/registry-client.ts";
import type { Descriptor } from "../../oci/image.ts";
import type { Reference } from "../../oci/reference.ts";

/** An image that a name was resolved to. Nothing of it is stored under the name yet. */
export interface PullCandidate {
  /** The name that it is to have. */
  readonly reference: Reference;
  /** Indexes first, the manifest last, each verified against its digest: exactly these are stored if they are let in. */
  readonly documents: readonly Descriptor[];
  /** Where it comes from. */
  readonly client: RegistryClient;
  /** Its name there. */
  readonly from: Reference;
  readonly signal: AbortSignal | undefined;
}

/** Decides whether an image may come in. */
export interface PullGate {
  /** @returns warnings. @throws if it may not. */
  admit(candidate: PullCandidate): Promise<readonly string[]>;
}
