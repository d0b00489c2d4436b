import type { Digest } from "../oci/digest.ts";
import type { State } from "../state/state.ts";
import { Lease } from "./lease.ts";

/** What refers to what, and who keeps what beside the names of images: edges and holds are rows, leases are this process's. */
export class ReferenceGraph {
  readonly #state: State;
  readonly #leases = new Set<Lease>();

  constructor(state: State) {
    this.#state = state;
  }

  /** Records that `parent` needs `children`, whether or not they are stored: children live as long as the parent does. Idempotent. */
  addReferences(parent: Digest, children: Iterable<Digest>): void {
    this.#state.transaction(() => {
      for (const child of children) {
        this.#state.db.run("INSERT OR IGNORE INTO blob_edges (parent, child) VALUES (?, ?)", [parent, child]);
      }
    });
  }

  /** What `parent` refers to directly. */
  references(parent: Digest): readonly Digest[] {
    return this.#state.db
      .query<{ child: string }, [string]>("SELECT child FROM blob_edges WHERE parent = ? ORDER BY child")
      .all(parent)
      .map((row) => row.child as Digest);
  }

  /** Keeps a digest and all below it for an owner (`container:ID`), names or not, until `release`. Idempotent, durable. */
  hold(owner: string, digest: Digest): void {
    this.#state.db.run("INSERT OR IGNORE INTO content_holds (owner, digest) VALUES (?, ?)", [owner, digest]);
  }

  /** Ends all holds of an owner. Idempotent. */
  release(owner: string): void {
    this.#state.db.run("DELETE FROM content_holds WHERE owner = ?", [owner]);
  }

  /** Protects what is being made, until disposed. */
  lease(): Lease {
    const lease = new Lease((ended) => this.#leases.delete(ended));
    this.#leases.add(lease);
    return lease;
  }

  /** Those that have not ended. */
  get leases(): Iterable<Lease> {
    return this.#leases;
  }
}
