import type { Digest } from "../oci/digest.ts";
import type { Statement } from "../platform/sqlite.ts";
import type { State } from "../state/state.ts";
import type { Lease } from "./lease.ts";

export interface ReachabilityParts {
  readonly state: State;
  /** Queries of one column, digests: what is kept beside names and holds. */
  readonly roots: readonly string[];
  /** Those that are held now. */
  readonly leases: Iterable<Lease>;
}

/** What names of images and holds keep, by their own indexes. */
const OWN_ROOTS = ["SELECT digest FROM image_names", "SELECT digest FROM content_holds"];

/**
 * What keeps a blob from collection: a root that it is, or that is above it in the reference graph. Roots are the names of images, holds (of
 * containers), leases (of what is being made), and what other rooms say: of a registry all that its repositories hold, `REGISTRY_ROOTS`.
 *
 * Asks the reference graph from below, one blob at a time: is there a root above it? The answer is exact in the transaction that asks, so
 * that a collection can go in steps with everything else between them; whoever starts from the roots has to see all of the graph at once.
 */
export class Reachability {
  readonly #leases: Iterable<Lease>;
  readonly #isRoot: Statement<{ one: number }, [string]>;
  readonly #namesAbove: Statement<{ name: string }, [string]>;
  readonly #live: Statement<{ digest: Digest }, [string]>;
  readonly #hasRootAbove: Statement<{ one: number }, [string, string]>;

  constructor(parts: ReachabilityParts) {
    const { db } = parts.state;
    this.#leases = parts.leases;
    const isRoot = (column: string): string =>
      [...OWN_ROOTS, ...parts.roots]
        .map((root) => `EXISTS (SELECT 1 FROM (${root}) AS root WHERE root.digest = ${column})`)
        .join(" OR ");
    this.#isRoot = db.query(`SELECT 1 AS one WHERE ${isRoot("?1")}`);
    this.#namesAbove = db.query(`
      WITH RECURSIVE above (digest) AS (
        SELECT ?1 UNION SELECT parent FROM blob_edges JOIN above ON child = above.digest
      )
      SELECT name FROM image_names WHERE digest IN above ORDER BY name`);
    this.#live = db.query(`
      WITH RECURSIVE live (digest) AS (
        ${OWN_ROOTS.join(" UNION ")}
        UNION SELECT value FROM json_each(?1)
        UNION SELECT child FROM blob_edges JOIN live ON parent = digest
      )
      SELECT digest FROM live`);
    this.#hasRootAbove = db.query(`
      WITH RECURSIVE above (digest) AS (
        SELECT parent FROM blob_edges WHERE child = ?1
        UNION SELECT parent FROM blob_edges JOIN above ON child = above.digest
      )
      SELECT 1 AS one FROM above
      WHERE ${isRoot("above.digest")} OR EXISTS (SELECT 1 FROM json_each(?2) WHERE value = above.digest) LIMIT 1`);
  }

  /** True if a name, a hold, a lease or one of the other roots needs it, whether or not it is stored. */
  isNeeded(digest: Digest): boolean {
    for (const lease of this.#leases) if (lease.digests.has(digest)) return true;
    if (this.#isRoot.get(digest) !== null) return true;
    return this.#hasRootAbove.get(digest, JSON.stringify(this.#leased())) !== null;
  }

  /** The names of images that need it. */
  namesAbove(digest: Digest): readonly string[] {
    return this.#namesAbove.all(digest).map((row) => row.name);
  }

  /** All that a name, a hold or a lease keeps, stored or not: what images need. */
  live(): ReadonlySet<Digest> {
    return new Set(this.#live.all(JSON.stringify(this.#leased())).map((row) => row.digest));
  }

  #leased(): readonly Digest[] {
    return [...this.#leases].flatMap((lease) => [...lease.digests]);
  }
}
