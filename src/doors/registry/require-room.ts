import { RegistryError } from "../../distribution/repositories/registry-error.ts";
import type { RepositoryName } from "../../distribution/repositories/repository-name.ts";
import type { Claimant } from "../../distribution/repositories/uploads/pending-bytes.ts";
import type { Decision, StorageUsage, Usage } from "../../identity/index.ts";
import type { RegistryExchange } from "./registry-exchange.ts";

interface UploadTarget {
  readonly repository: RepositoryName;
  readonly id: string;
}

type Asking = Pick<RegistryExchange, "access" | "identity" | "parts">;

export interface RoomRequest {
  /** None asks whether what is there fits. @default 0 */
  readonly bytes?: number;
  /** Whose pending bytes are not counted, for they are among `bytes`. */
  readonly except?: Claimant;
}

/**
 * Asks whether quotas leave room for so many more bytes, beside what is stored and what others have sent or were let send (`PendingBytes`).
 * Where there is none, uploads of the repository to which nothing comes any more make room first. Whoever is the first that is let store in a
 * repository that is not there yet has made it: what it holds counts for their quota.
 *
 * @throws RegistryError DENIED
 */
export function requireRoom(asking: Asking, repository: RepositoryName, request: RoomRequest = {}): void {
  const { known } = asking.parts.uploads;
  const isRoom = (): boolean => decide(asking, repository, { ...request, isProbe: true }).isAllowed;
  if (isRoom()) return;
  known.pending.endSpare();
  if (!isRoom()) known.giveUpPaused(repository, request.except);
  const decision = decide(asking, repository, request);
  if (!decision.isAllowed) {
    throw new RegistryError("DENIED", decision.reason, { hint: "delete something first, or ask for more room" });
  }
}

function decide(
  { access, identity, parts }: Asking,
  repository: RepositoryName,
  { bytes = 0, except, isProbe = false }: RoomRequest & { readonly isProbe?: boolean },
): Decision {
  const claimant = parts.owners.claimantOf(repository, identity.name);
  const usage = usageOf(parts, { repository, claimant, except });
  const decision = access.mayStore(identity, repository, { bytes, usage, isProbe });
  if (decision.isAllowed && claimant !== undefined && claimant === identity.name) {
    parts.owners.own(repository, claimant);
  }
  return decision;
}

interface Counted {
  readonly repository: RepositoryName;
  /** Whose it is, or will be. */
  readonly claimant: string | undefined;
  readonly except: Claimant | undefined;
}

function usageOf({ usage, owners, uploads }: Asking["parts"], counted: Counted): StorageUsage {
  const { repository, claimant, except } = counted;
  const ownerOf = (name: string): string | undefined => (name === repository ? claimant : owners.ownerOf(name));
  const andPending = ({ repositories, bytes }: Usage, matches: (name: string) => boolean): Usage => ({
    repositories,
    bytes: bytes + uploads.known.pending.sum(matches, except),
  });
  return {
    ofRepositories: (matches, beginning) => andPending(usage.ofRepositories(matches, beginning), matches),
    ofOwner: (user) => andPending(owners.usageOf(user), (name) => ownerOf(name) === user),
    ownerOf,
    hasRepository: (name) => usage.hasRepository(name),
  };
}

/** How much of a body whose length is not known is asked for at once: a quota of repositories goes through those that it is for. */
const ASK_BYTES = 8 * 1024 * 1024;

/** Lets an upload grow: what `AppendOptions.admit` of it is. */
export function admitUpload(asking: Asking, { repository, id }: UploadTarget): (sizeBytes: number) => number {
  return (sizeBytes) => {
    const more = { bytes: sizeBytes + ASK_BYTES, except: id };
    if (decide(asking, repository, { ...more, isProbe: true }).isAllowed) return more.bytes;
    requireRoom(asking, repository, { bytes: sizeBytes, except: id });
    return sizeBytes;
  };
}

/** Room that is kept while something is stored that has come already. Disposing is idempotent. */
export interface KeptRoom extends Disposable {
  /** For `RoomRequest.except`. */
  readonly claimant: Claimant;
}

/** As `requireRoom`; nobody else is given that room until it is disposed. @throws RegistryError DENIED */
export function keepRoom(asking: Asking, repository: RepositoryName, bytes: number): KeptRoom {
  const { pending } = asking.parts.uploads.known;
  requireRoom(asking, repository, { bytes });
  const claimant = Symbol(repository);
  pending.claim(claimant, repository, { bytes, neededBytes: bytes });
  return { claimant, [Symbol.dispose]: () => pending.endClaim(claimant) };
}
