import type { ContentStore } from "../../content/content-store.ts";
import { type Digest, digestAlgorithm } from "../../oci/digest.ts";
import { digestOf } from "../../oci/hash-digest.ts";
import { MANIFEST_BYTES_MAX } from "../../oci/manifest.ts";
import type { State } from "../../state/state.ts";
import { describeManifest, type ManifestDescription } from "./describe-manifest.ts";
import { releaseTagged, removeManifest, removeTag } from "./holdings.ts";
import { RegistryError } from "./registry-error.ts";
import type { RepositoryName, Tag } from "./repository-name.ts";

export interface ManifestsParts {
  readonly state: State;
  readonly content: ContentStore;
}

/** A manifest as a repository holds it. */
export interface ManifestRecord {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly sizeBytes: number;
}

export interface PutManifestOptions {
  /** What it must hash to; its algorithm is the one that the manifest is stored by. @default its sha256 */
  readonly digest?: Digest;
  readonly tags: readonly Tag[];
  /** Without parameters; "" where none came. */
  readonly contentType: string;
  /** Asked within the transaction for what the first tag points to now, without tags for `digest` if it is there; what it throws refuses the push. */
  readonly condition?: (current: Digest | undefined) => void;
  /** Take it even if the repository does not hold what it refers to. @default false */
  readonly allowsSparse?: boolean;
  /** Runs in the transaction that stores it. Must not wait. */
  readonly also?: (manifest: ManifestRecord) => void;
}

export interface StoredManifest extends ManifestRecord {
  readonly subject?: Digest;
}

interface ManifestRow {
  readonly digest: string;
  readonly media_type: string;
  readonly size_bytes: number;
}

function toRecord(row: ManifestRow): ManifestRecord {
  return { digest: row.digest as Digest, mediaType: row.media_type, sizeBytes: row.size_bytes };
}

/** The manifests of repositories and their tags. */
export class Manifests {
  readonly #parts: ManifestsParts;
  readonly #state: State;

  constructor(parts: ManifestsParts) {
    this.#parts = parts;
    this.#state = parts.state;
  }

  /** What a tag or a digest names, or undefined; also where its bytes were damaged and taken away. */
  find(
    repository: RepositoryName,
    named: { readonly tag: Tag } | { readonly digest: Digest },
  ): ManifestRecord | undefined {
    const row =
      "tag" in named
        ? this.#state.db
            .query<ManifestRow, [string, string]>(
              `SELECT m.digest, m.media_type, m.size_bytes FROM repository_tags t
               JOIN repository_manifests m ON m.repository = t.repository AND m.digest = t.digest
               JOIN blobs b ON b.digest = m.digest
               WHERE t.repository = ? AND t.tag = ?`,
            )
            .get(repository, named.tag)
        : this.#state.db
            .query<ManifestRow, [string, string]>(
              `SELECT m.digest, m.media_type, m.size_bytes FROM repository_manifests m JOIN blobs b ON b.digest = m.digest
               WHERE m.repository = ? AND m.digest = ?`,
            )
            .get(repository, named.digest);
    return row === null ? undefined : toRecord(row);
  }

  /** As `find`. @throws RegistryError MANIFEST_UNKNOWN, or NAME_UNKNOWN for a repository that holds nothing */
  require(repository: RepositoryName, named: { readonly tag: Tag } | { readonly digest: Digest }): ManifestRecord {
    const found = this.find(repository, named);
    if (found !== undefined) return found;
    const wanted = "tag" in named ? named.tag : named.digest;
    if (!this.exists(repository)) throw unknownRepository(repository);
    throw new RegistryError("MANIFEST_UNKNOWN", `repository ${repository} has no manifest ${wanted}`, {
      detail: { name: repository, reference: wanted },
    });
  }

  /** The manifests of the repository that refer to a digest. */
  referringTo(repository: RepositoryName, digest: Digest): readonly ManifestRecord[] {
    return this.#state.db
      .query<ManifestRow, [string, string]>(
        `SELECT m.digest, m.media_type, m.size_bytes FROM blob_edges e CROSS JOIN repository_manifests m
         WHERE e.child = ? AND m.repository = ? AND m.digest = e.parent`,
      )
      .all(digest, repository)
      .map(toRecord);
  }

  /** The bytes, verified. @throws `data-loss` if they are damaged */
  async read(manifest: ManifestRecord): Promise<Uint8Array> {
    return await this.#parts.content.read(manifest.digest, { maxBytes: MANIFEST_BYTES_MAX });
  }

  /** True if the repository holds something. */
  exists(repository: RepositoryName): boolean {
    return (
      this.#state.db
        .query<{ one: number }, [string, string]>(
          `SELECT 1 AS one FROM repository_manifests WHERE repository = ?
           UNION ALL SELECT 1 FROM repository_blobs WHERE repository = ? LIMIT 1`,
        )
        .get(repository, repository) !== null
    );
  }

  /**
   * Stores a manifest, byte for byte, and points tags at it: all at once, durably, or not at all. Idempotent.
   *
   * @throws RegistryError MANIFEST_INVALID, DIGEST_INVALID, MANIFEST_BLOB_UNKNOWN (each that is missing)
   */
  async put(repository: RepositoryName, bytes: Uint8Array, options: PutManifestOptions): Promise<StoredManifest> {
    const algorithm = options.digest === undefined ? "sha256" : digestAlgorithm(options.digest);
    const digest = digestOf(bytes, algorithm);
    if (options.digest !== undefined && options.digest !== digest) {
      throw new RegistryError("DIGEST_INVALID", `the manifest hashes to ${digest}, not to ${options.digest}`, {
        detail: { digest: options.digest },
      });
    }
    const description = describeManifest(bytes, options.contentType);
    const record = { digest, mediaType: description.mediaType, sizeBytes: bytes.byteLength };
    // Before anything is written, and again within the transaction that counts.
    if (options.allowsSparse !== true) this.#requireReferences(repository, description);
    await this.#parts.content.put(bytes, {
      expected: { digest },
      also: () => this.#record(repository, record, description, options),
    });
    return { ...record, ...(description.subject === undefined ? {} : { subject: description.subject }) };
  }

  #record(
    repository: RepositoryName,
    record: ManifestRecord,
    description: ManifestDescription,
    options: PutManifestOptions,
  ): void {
    const { db } = this.#state;
    const [firstTag] = options.tags;
    const named = firstTag === undefined ? { digest: record.digest } : { tag: firstTag };
    options.condition?.(this.find(repository, named)?.digest);
    if (options.allowsSparse !== true) this.#requireReferences(repository, description);
    this.#parts.content.graph.addReferences(record.digest, description.references);
    db.run(
      `INSERT INTO repository_manifests
         (repository, digest, media_type, size_bytes, artifact_type, subject, annotations, pushed_ms)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET media_type = excluded.media_type, artifact_type = excluded.artifact_type,
         subject = excluded.subject, annotations = excluded.annotations, pushed_ms = excluded.pushed_ms`,
      [
        repository,
        record.digest,
        record.mediaType,
        record.sizeBytes,
        description.artifactType ?? null,
        description.subject ?? null,
        description.annotations === undefined ? null : JSON.stringify(description.annotations),
        this.#state.now(),
      ],
    );
    for (const tag of options.tags) {
      releaseTagged(this.#state, { repository, tag, unless: record.digest });
      db.run(
        `INSERT INTO repository_tags (repository, tag, digest, tagged_ms) VALUES (?, ?, ?, ?)
         ON CONFLICT DO UPDATE SET digest = excluded.digest, tagged_ms = excluded.tagged_ms`,
        [repository, tag, record.digest, this.#state.now()],
      );
    }
    options.also?.(record);
  }

  #requireReferences(repository: RepositoryName, description: ManifestDescription): void {
    // BuildKit's caches are indexes whose entries are blobs: held in either way is held.
    const manifests = this.#missing("repository_manifests", repository, description.requiredManifests);
    const missing = [
      ...this.#missing("repository_blobs", repository, description.requiredBlobs),
      ...this.#missing("repository_blobs", repository, manifests),
    ];
    const [first] = missing;
    if (first === undefined) return;
    const more = missing.length === 1 ? "" : `, and ${missing.length - 1} more`;
    throw new RegistryError(
      "MANIFEST_BLOB_UNKNOWN",
      `repository ${repository} does not have what the manifest refers to: ${first}${more}`,
      { detail: missing.map((digest) => ({ digest })) },
    );
  }

  #missing(
    table: "repository_blobs" | "repository_manifests",
    repository: RepositoryName,
    digests: readonly Digest[],
  ): readonly Digest[] {
    const held = this.#state.db.query<{ one: number }, [string, string]>(
      `SELECT 1 AS one FROM ${table} AS held JOIN blobs ON blobs.digest = held.digest
       WHERE held.repository = ? AND held.digest = ?`,
    );
    return [...new Set(digests)].filter((digest) => held.get(repository, digest) === null);
  }

  /** Takes a tag away. @throws RegistryError MANIFEST_UNKNOWN */
  untag(repository: RepositoryName, tag: Tag): void {
    if (!this.#state.transaction(() => removeTag(this.#state, repository, tag))) this.require(repository, { tag });
  }

  /** Removes a manifest from a repository, and every tag that points to it. @throws RegistryError MANIFEST_UNKNOWN */
  remove(repository: RepositoryName, digest: Digest): void {
    const isGone = this.#state.transaction(() => removeManifest(this.#state, repository, digest));
    if (!isGone) this.require(repository, { digest });
  }
}

export function unknownRepository(repository: RepositoryName): RegistryError {
  return new RegistryError("NAME_UNKNOWN", `there is no repository ${repository}`, { detail: { name: repository } });
}
