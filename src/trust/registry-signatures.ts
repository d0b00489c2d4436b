import type { RegistryClient } from "../distribution/client/registry-client.ts";
import { isGantryError } from "../errors/gantry-error.ts";
import { digestOf } from "../oci/hash-digest.ts";
import type { Descriptor } from "../oci/image.ts";
import { MEDIA_TYPES } from "../oci/media-types.ts";
import type { Reference } from "../oci/reference.ts";
import type { SignatureStore } from "./sign/signature-store.ts";

/** The signatures in a registry's repository. */
export function registrySignatures(
  client: Pick<RegistryClient, "resolve" | "referrers" | "openBlob" | "pushBlob" | "putManifest">,
  { registry, repository }: Pick<Reference, "registry" | "repository">,
  options: { readonly signal?: AbortSignal | undefined } = {},
): SignatureStore {
  const { signal } = options;
  return {
    async manifest(name) {
      try {
        const accept = [MEDIA_TYPES.ociManifest, MEDIA_TYPES.dockerManifest];
        const { descriptor, document } = await client.resolve({ registry, repository, ...name }, { accept, signal });
        return document.kind === "manifest" ? { descriptor, manifest: document.manifest } : undefined;
      } catch (error) {
        if (isGantryError(error, "not-found")) return undefined;
        throw error;
      }
    },
    referrers: (digest) => client.referrers(repository, digest, { signal }),
    async blob(descriptor: Descriptor) {
      const chunks: Uint8Array[] = [];
      for await (const chunk of await client.openBlob(repository, descriptor, { signal })) chunks.push(chunk);
      return Buffer.concat(chunks);
    },
    async pushBlob(bytes) {
      const descriptor = { digest: digestOf(bytes), size: bytes.byteLength };
      const open = async function* (offset: number) {
        yield bytes.subarray(offset);
      };
      await client.pushBlob(repository, { descriptor, open }, { signal });
    },
    async putManifest(name, bytes) {
      await client.putManifest(
        { registry, repository, ...name },
        { bytes, mediaType: MEDIA_TYPES.ociManifest, signal },
      );
    },
  };
}
