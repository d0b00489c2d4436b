import { parseRepositoryName, type RepositoryName } from "../../distribution/repositories/repository-name.ts";
import { STORE_PROOF_HEADER } from "../../distribution/repositories/store-proof.ts";
import type { Digest } from "../../oci/digest.ts";
import type { RegistryExchange } from "./registry-exchange.ts";
import { requireRoom } from "./require-room.ts";
import { BLOB_TYPE } from "./tell-event.ts";

/** How many repositories are tried when a mount does not say from where. */
const SOURCES_MAX = 100;

/**
 * Makes the repository hold a blob that is here, so that no byte is sent (distribution-spec, "Mounting a blob").
 *
 * Who may: whoever may push to the repository (`required-scope.ts`), and pull from one that holds the blob: from the one that is named, or
 * without a name from any. Our own engine may mount all that the store has.
 *
 * @returns false if it is nowhere that this client may read: then it has to be uploaded.
 * @throws RegistryError DENIED if there is no room for it
 */
export function mountBlob(exchange: RegistryExchange, repository: RepositoryName, digest: Digest): boolean {
  const { parts, tell } = exchange;
  const source = isOurEngine(exchange, repository, digest) ? repository : findReadable(exchange, repository, digest);
  if (source === undefined) return false;
  // Whoever mounts into a repository that is not there makes it.
  requireRoom(exchange, repository);
  return parts.transaction(() => {
    if (!parts.blobs.link(repository, digest)) return false;
    requireRoom(exchange, repository);
    const { sizeBytes } = parts.blobs.require(repository, digest);
    tell?.("mount", { repository, digest, sizeBytes, mediaType: BLOB_TYPE, fromRepository: source });
    return true;
  });
}

/** A repository that holds the blob and that this client may pull from; the target itself, if it holds it, is good enough. */
function findReadable(
  { query, parts, access, identity }: RegistryExchange,
  repository: RepositoryName,
  digest: Digest,
): RepositoryName | undefined {
  const from = query.get("from");
  const sources = from === null ? access.visible(identity, parts.blobs.holders(digest)).slice(0, SOURCES_MAX) : [from];
  return sources.map(parseRepositoryName).find((source) => {
    if (parts.blobs.stat(source, digest) === undefined) return false;
    // Asked even of what is visible: a token's scopes may be narrower than its user's rights.
    return source === repository || access.decide(identity, "pull", source).isAllowed;
  });
}

/** True if the engine that has this very store asks: what it has, it may push. */
function isOurEngine({ request, parts }: RegistryExchange, repository: RepositoryName, digest: Digest): boolean {
  const proof = request.headers.get(STORE_PROOF_HEADER);
  return proof !== null && parts.storeProof.isGood(proof, repository, digest);
}
