import type { RepositoryName } from "../repository-name.ts";

/** What claims something: an upload by its id; a symbol for what has no name. */
export type Claimant = string | symbol;

/** Room that somebody was given, before what is to fill it has come. */
export interface RoomClaim {
  /** How many bytes there are room for, with those that have come. */
  readonly bytes: number;
  /** So many of them are known to come: the rest is only so that not each chunk has to be asked for, and is taken back where others need it. */
  readonly neededBytes: number;
}

interface Pending {
  readonly repository: RepositoryName;
  readonly comeBytes: number;
  readonly claim: RoomClaim | undefined;
}

/** More than a disk has, and little enough that sums of what clients claim to send are exact. */
const CLAIM_BYTES_MAX = 2 ** 43;

function countedBytes({ comeBytes, claim }: Pending): number {
  return Math.max(comeBytes, claim?.bytes ?? 0);
}

/** How many bytes are in each repository, or were let come into it, that nothing is stored of yet: with what is stored they are what quotas count. */
export class PendingBytes {
  readonly #all = new Map<Claimant, Pending>();
  readonly #repositories = new Map<RepositoryName, number>();
  /** Those that have more room than they are known to need. */
  readonly #spare = new Set<Claimant>();

  /** So much has come. */
  note(id: Claimant, repository: RepositoryName, comeBytes: number): void {
    this.#set(id, { repository, comeBytes, claim: this.#all.get(id)?.claim });
  }

  /** Gives room, in the turn in which it was seen to be there. */
  claim(id: Claimant, repository: RepositoryName, { bytes, neededBytes }: RoomClaim): void {
    const claim = { bytes: Math.min(bytes, CLAIM_BYTES_MAX), neededBytes: Math.min(neededBytes, CLAIM_BYTES_MAX) };
    this.#set(id, { repository, comeBytes: this.#all.get(id)?.comeBytes ?? 0, claim });
    if (bytes > neededBytes) this.#spare.add(id);
  }

  /** Uses room that was given. @returns false if so much was not claimed, or was taken back */
  use(id: Claimant, bytes: number): boolean {
    const pending = this.#all.get(id);
    if (pending?.claim === undefined || bytes > pending.claim.bytes) return false;
    if (bytes > pending.claim.neededBytes) {
      this.#all.set(id, { ...pending, claim: { ...pending.claim, neededBytes: bytes } });
    }
    return true;
  }

  /** Nothing more comes for now: what has come counts. Idempotent. */
  endClaim(id: Claimant): void {
    this.#spare.delete(id);
    const pending = this.#all.get(id);
    if (pending !== undefined) this.#set(id, { ...pending, claim: undefined });
  }

  /** Takes back what nobody is known to need. */
  endSpare(): void {
    for (const id of this.#spare) {
      const pending = this.#all.get(id);
      if (pending?.claim === undefined) continue;
      const { neededBytes } = pending.claim;
      this.#set(id, { ...pending, claim: { bytes: neededBytes, neededBytes } });
    }
    this.#spare.clear();
  }

  /** @param except leaves one out */
  sum(matches: (repository: string) => boolean, except?: Claimant): number {
    let bytes = 0;
    for (const [repository, some] of this.#repositories) if (matches(repository)) bytes += some;
    const left = except === undefined ? undefined : this.#all.get(except);
    return left !== undefined && matches(left.repository) ? bytes - countedBytes(left) : bytes;
  }

  /** Those that have any. */
  repositories(): Iterable<RepositoryName> {
    return this.#repositories.keys();
  }

  #set(id: Claimant, pending: Pending): void {
    const before = this.#all.get(id);
    const after = countedBytes(pending);
    if (after === 0) this.#all.delete(id);
    else this.#all.set(id, pending);
    const { repository } = pending;
    const bytes = (this.#repositories.get(repository) ?? 0) + after - (before === undefined ? 0 : countedBytes(before));
    if (bytes === 0) this.#repositories.delete(repository);
    else this.#repositories.set(repository, bytes);
  }
}
