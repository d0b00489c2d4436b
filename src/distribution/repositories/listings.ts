import type { Digest } from "../../oci/digest.ts";
import type { Descriptor } from "../../oci/image.ts";
import { nextTurn } from "../../platform/next-turn.ts";
import type { State } from "../../state/state.ts";
import type { RepositoryName, Tag } from "./repository-name.ts";

/** A part of a longer list. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly hasMore: boolean;
}

export interface PageOptions {
  /** Only what comes after this one in the order of bytes. */
  readonly after?: string;
  readonly limit: number;
}

interface ReferrerRow {
  readonly digest: string;
  readonly media_type: string;
  readonly size_bytes: number;
  readonly artifact_type: string | null;
  readonly annotations: string | null;
}

/** The most bytes of descriptors in one page of referrers: an index is a manifest, and clients bound these. */
const REFERRERS_BYTES_MAX = 2 * 1024 * 1024;

/** How many repositories are looked at before others have their turn. */
const STEP_REPOSITORIES = 200;

/** What repositories there are and what is in them, page by page, in the order of bytes. */
export class Listings {
  readonly #state: State;

  constructor(state: State) {
    this.#state = state;
  }

  /** The repositories that hold a manifest. */
  repositories(options: PageOptions): Page<RepositoryName> {
    const next = this.#state.db.query<{ name: string | null }, [string]>(
      "SELECT min(repository) AS name FROM repository_manifests WHERE repository > ?",
    );
    const items: RepositoryName[] = [];
    for (let place = options.after ?? ""; ; ) {
      const name = next.get(place)?.name as RepositoryName | null | undefined;
      if (name === null || name === undefined) return { items, hasMore: false };
      place = name;
      if (items.length >= options.limit) return { items, hasMore: true };
      items.push(name);
    }
  }

  /** As `repositories`, of those that `isVisible` says yes to. In short steps: for who sees few of many, it goes through all. */
  async visibleRepositories(
    { after = "", limit }: PageOptions,
    isVisible: (name: RepositoryName) => boolean,
  ): Promise<Page<RepositoryName>> {
    const items: RepositoryName[] = [];
    for (let place = after; ; await nextTurn()) {
      const step = this.repositories({ after: place, limit: STEP_REPOSITORIES });
      for (const name of step.items) {
        if (!isVisible(name)) continue;
        if (items.length >= limit) return { items, hasMore: true };
        items.push(name);
      }
      if (!step.hasMore) return { items, hasMore: false };
      place = step.items.at(-1) ?? place;
    }
  }

  tags(repository: RepositoryName, options: PageOptions): Page<Tag> {
    const rows = this.#state.db
      .query<{ tag: string }, [string, string, number]>(
        "SELECT tag FROM repository_tags WHERE repository = ? AND tag > ? ORDER BY tag LIMIT ?",
      )
      .all(repository, options.after ?? "", options.limit + 1)
      .map((row) => row.tag as Tag);
    return { items: rows.slice(0, options.limit), hasMore: rows.length > options.limit };
  }

  /**
   * Descriptors of the manifests whose subject is `subject`, which need not be there (distribution-spec, "Listing Referrers").
   *
   * @param options.artifactType only these
   */
  referrers(
    repository: RepositoryName,
    subject: Digest,
    options: PageOptions & { readonly artifactType?: string },
  ): Page<Descriptor> {
    const rows = this.#state.db
      .query<ReferrerRow, [string, string, string, string | null, string | null, number]>(
        // Without being told, SQLite goes through all manifests of the repository, which are in the wanted order.
        `SELECT digest, media_type, size_bytes, artifact_type, annotations
         FROM repository_manifests INDEXED BY repository_manifests_by_subject
         WHERE repository = ? AND subject = ? AND digest > ? AND (? IS NULL OR artifact_type = ?)
         ORDER BY digest LIMIT ?`,
      )
      .all(
        repository,
        subject,
        options.after ?? "",
        options.artifactType ?? null,
        options.artifactType ?? null,
        options.limit + 1,
      );
    const items: Descriptor[] = [];
    let bytes = 0;
    for (const row of rows.slice(0, options.limit)) {
      bytes += 300 + (row.annotations?.length ?? 0);
      if (items.length > 0 && bytes > REFERRERS_BYTES_MAX) break;
      items.push(toDescriptor(row));
    }
    return { items, hasMore: items.length < rows.length };
  }
}

function toDescriptor(row: ReferrerRow): Descriptor {
  return {
    mediaType: row.media_type,
    digest: row.digest as Digest,
    size: row.size_bytes,
    ...(row.artifact_type === null ? {} : { artifactType: row.artifact_type }),
    ...(row.annotations === null ? {} : { annotations: JSON.parse(row.annotations) as Record<string, string> }),
  };
}
