import { parseRepositoryName, type RepositoryName } from "../../distribution/repositories/repository-name.ts";
import { STORE_PROOF_HEADER } from "../../distribution/repositories/store-proof.ts";
import type { Digest } from "../../oci/digest.ts";
import type { RegistryExchange } from "./registry-exchange.ts";
import { requireRoom } from "./require-room.ts";
import { BLOB_TYPE } from "./tell-event.ts";

/** How many repositories are tried when a mount does not say from where. */
const SOURCES_MAX = 100;

/**
 * Makes the repository hold a blob that is here, so that no byte is sent (distribution-spec, "Mounting a blob"): one of `from`, or without
 * `from` one of any repository, if this client may pull from there; whatever the store has, if our own engine asks.
 *
 * @returns false if it is nowhere that this client may read: then it has to be uploaded.
 */
export function mountBlob(exchange: RegistryExchange, repository: RepositoryName, digest: Digest): boolean {
  const { query, parts, access, identity, tell } = exchange;
  const from = query.get("from");
  const sources = from === null ? access.visible(identity, parts.blobs.holders(digest)) : [parseRepositoryName(from)];
  const readable = isOurEngine(exchange, repository, digest)
    ? repository
    : sources.slice(0, SOURCES_MAX).find((source) => {
        if (parts.blobs.stat(source as RepositoryName, digest) === undefined) return false;
        return source === repository || access.decide(identity, "pull", source).isAllowed;
      });
  if (readable === undefined) return false;
  // Whoever mounts into a repository that is not there makes it.
  requireRoom(exchange, repository);
  return parts.transaction(() => {
    if (!parts.blobs.link(repository, digest)) return false;
    requireRoom(exchange, repository);
    const { sizeBytes } = parts.blobs.require(repository, digest);
    tell?.("mount", { repository, digest, sizeBytes, mediaType: BLOB_TYPE, fromRepository: readable });
    return true;
  });
}

/** True if the engine that has this very store asks: what it has, it may push. */
function isOurEngine({ request, parts }: RegistryExchange, repository: RepositoryName, digest: Digest): boolean {
  const proof = request.headers.get(STORE_PROOF_HEADER);
  return proof !== null && parts.storeProof.isGood(proof, repository, digest);
}
