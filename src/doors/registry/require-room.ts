import { RegistryError } from "../../distribution/repositories/registry-error.ts";
import type { RepositoryName } from "../../distribution/repositories/repository-name.ts";
import type { StorageUsage, Usage } from "../../identity/index.ts";
import type { RegistryExchange } from "./registry-exchange.ts";

interface UploadTarget {
  readonly repository: RepositoryName;
  readonly id: string;
}

type Asking = Pick<RegistryExchange, "access" | "identity" | "parts">;

/**
 * Asks whether quotas leave room for so many more bytes. Whoever is the first that is let store in a repository that is not there yet has
 * made it: what it holds counts for their quota.
 *
 * @param options.bytes none asks whether what is there fits. @default 0
 * @throws RegistryError DENIED
 */
export function requireRoom(
  { access, identity, parts }: Asking,
  repository: RepositoryName,
  { bytes = 0, usage = usageOf(parts) }: { readonly bytes?: number; readonly usage?: HeldUsage } = {},
): void {
  const { owners } = parts;
  const claimant = owners.claimantOf(repository, identity.name);
  const decision = access.mayStore(identity, repository, { bytes, usage: { ...usage, ownerOf: () => claimant } });
  if (!decision.isAllowed) {
    throw new RegistryError("DENIED", decision.reason, { hint: "delete something first, or ask for more room" });
  }
  if (claimant !== undefined && claimant === identity.name) owners.own(repository, claimant);
}

/** But for whose the repository is that is asked about. */
type HeldUsage = Omit<StorageUsage, "ownerOf">;

function usageOf({ usage, owners }: Asking["parts"]): HeldUsage {
  return {
    ofRepositories: (matches, beginning) => usage.ofRepositories(matches, beginning),
    ofOwner: (user) => owners.usageOf(user),
    hasRepository: (repository) => usage.hasRepository(repository),
  };
}

/** How many bytes of a stream come between two questions: a quota of repositories goes through those that it is for. */
const ASK_EVERY_BYTES = 8 * 1024 * 1024;

/**
 * Watches a body whose size is not known before. Other uploads that are not finished count too, or any number of them could be begun for
 * the same room; those of the repository to which nothing comes make room first.
 *
 * @returns what is called with the size that the blob has by then
 */
export function watchRoom(asking: Asking, { repository, id }: UploadTarget): (sizeBytes: number) => void {
  const { uploads, owners } = asking.parts;
  const held = usageOf(asking.parts);
  const andPending = ({ repositories, bytes }: Usage, matches: (repository: string) => boolean): Usage => ({
    repositories,
    bytes: bytes + uploads.known.pendingBytes(matches, id),
  });
  const withUploads: HeldUsage = {
    ...held,
    ofRepositories: (matches, beginning) => andPending(held.ofRepositories(matches, beginning), matches),
    ofOwner: (user) => andPending(held.ofOwner(user), (name) => owners.ownerOf(name) === user),
  };
  let askedBytes = 0;
  return (sizeBytes) => {
    if (sizeBytes < askedBytes) return;
    try {
      requireRoom(asking, repository, { bytes: sizeBytes, usage: withUploads });
    } catch {
      uploads.known.giveUpPaused(repository, id);
      requireRoom(asking, repository, { bytes: sizeBytes, usage: withUploads });
    }
    askedBytes = sizeBytes + ASK_EVERY_BYTES;
  };
}
