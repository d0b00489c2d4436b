import type { Digest } from "../oci/digest.ts";
import type { State } from "../state/state.ts";

/** A name and what it points to: the descriptor of a manifest or an index. */
export interface ImageName {
  /** `docker.io/library/busybox:latest`, `docker.io/library/busybox@sha256:…`, or `<none>@sha256:…` for what has no name. */
  readonly name: string;
  readonly digest: Digest;
  readonly mediaType: string;
  readonly updatedMs: number;
}

/** The name under which an image without names is kept. */
export function untaggedName(digest: Digest): string {
  return `<none>@${digest}`;
}

interface NameRow {
  readonly name: string;
  readonly digest: string;
  readonly media_type: string;
  readonly updated_ms: number;
}

function toName(row: NameRow): ImageName {
  return { name: row.name, digest: row.digest as Digest, mediaType: row.media_type, updatedMs: row.updated_ms };
}

/** Names of images: the roots of the reference graph. Each change is one transaction, or a part of the caller's. */
export class ImageNames {
  readonly #state: State;
  readonly #onChange: () => void;

  constructor(state: State, onChange: () => void) {
    this.#state = state;
    this.#onChange = onChange;
  }

  get(name: string): ImageName | undefined {
    const row = this.#state.db.query<NameRow, [string]>("SELECT * FROM image_names WHERE name = ?").get(name);
    return row === null ? undefined : toName(row);
  }

  /** In the order of names. */
  list(): readonly ImageName[] {
    return this.#state.db.query<NameRow, []>("SELECT * FROM image_names ORDER BY name").all().map(toName);
  }

  of(digest: Digest): readonly ImageName[] {
    return this.#state.db
      .query<NameRow, [string]>("SELECT * FROM image_names WHERE digest = ? ORDER BY name")
      .all(digest)
      .map(toName);
  }

  /**
   * Points a name at a manifest or index. What it pointed to before, and what has no other name, is kept without a name,
   * as Docker keeps it, until it is removed.
   */
  set(name: string, target: { readonly digest: Digest; readonly mediaType: string }): void {
    this.#state.transaction(() => {
      const before = this.get(name);
      this.#put(name, target);
      if (!name.startsWith("<none>@")) this.delete(untaggedName(target.digest));
      if (before !== undefined && before.digest !== target.digest && this.of(before.digest).length === 0) {
        this.#put(untaggedName(before.digest), before);
      }
    });
    this.#onChange();
  }

  /** Drops a name. What it pointed to is garbage if nothing else refers to it. */
  delete(name: string): boolean {
    const isDeleted = this.#state.transaction(
      () => this.#state.db.query("DELETE FROM image_names WHERE name = ?").run(name).changes > 0,
    );
    if (isDeleted) this.#onChange();
    return isDeleted;
  }

  #put(name: string, target: { readonly digest: Digest; readonly mediaType: string }): void {
    this.#state.db.run(
      "INSERT OR REPLACE INTO image_names (name, digest, media_type, updated_ms) VALUES (?, ?, ?, ?)",
      [name, target.digest, target.mediaType, this.#state.now()],
    );
  }
}
