import { randomUUID } from "node:crypto";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ContentStore } from "../../src/content/content-store.ts";
import { CONTENT_MIGRATIONS } from "../../src/content/migrations.ts";
import { REGISTRY_MIGRATIONS } from "../../src/distribution/repositories/migrations.ts";
import { REGISTRY_ROOTS } from "../../src/distribution/repositories/registry-roots.ts";
import { openRepositories, type Repositories } from "../../src/distribution/repositories/repositories.ts";
import type { RepositoryName } from "../../src/distribution/repositories/repository-name.ts";
import type { Digest } from "../../src/oci/digest.ts";
import { digestOf } from "../../src/oci/hash-digest.ts";
import { MEDIA_TYPES } from "../../src/oci/media-types.ts";
import { lockRoot } from "../../src/state/root-lock.ts";
import { State } from "../../src/state/state.ts";

/** What a registry keeps, in a folder of its own and on a clock of its own, for tests. */
export class RegistryStore implements AsyncDisposable {
  nowMs = 1_000_000_000_000;
  readonly root: string = mkdtempSync(join(tmpdir(), "gantry-registry-"));
  readonly state: State;
  readonly content: ContentStore;
  readonly repositories: Repositories;

  constructor() {
    const migrations = [...CONTENT_MIGRATIONS, ...REGISTRY_MIGRATIONS];
    this.state = State.open(join(this.root, "state.db"), { migrations, now: () => this.nowMs });
    const { state } = this;
    this.content = ContentStore.open({ directory: join(this.root, "content"), state, roots: REGISTRY_ROOTS });
    this.repositories = openRepositories({
      state,
      content: this.content,
      uploadsDirectory: join(this.root, "uploads"),
      randomId: randomUUID,
    });
  }

  /** Uploads a blob, as a client does. */
  async pushBlob(repository: string, bytes: string): Promise<Digest> {
    const { uploads } = this.repositories;
    const id = uploads.begin(repository as RepositoryName);
    await uploads.append(repository as RepositoryName, id, streamOf(bytes));
    const digest = digestOf(bytes);
    await uploads.finish({ repository: repository as RepositoryName, id }, digest);
    return digest;
  }

  /** Pushes a manifest of blobs that the repository holds. */
  async pushManifest(repository: string, document: ManifestShape): Promise<Digest> {
    const bytes = Buffer.from(JSON.stringify(imageOf(document)));
    const { digest } = await this.repositories.manifests.put(repository as RepositoryName, bytes, {
      tags: (document.tags ?? []) as never,
      contentType: document.entries === undefined ? MEDIA_TYPES.ociManifest : MEDIA_TYPES.ociIndex,
    });
    return digest;
  }

  /** The blobs' files, as digests, in order. */
  files(): readonly string[] {
    return readdirSync(join(this.root, "content/blobs/sha256"))
      .map((name) => `sha256:${name}`)
      .sort();
  }

  /** One column of a query. */
  column(sql: string): readonly string[] {
    return this.state.db
      .query<Record<string, string>, []>(sql)
      .all()
      .map((row) => String(Object.values(row)[0]));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.content[Symbol.asyncDispose]();
    this.state.close();
    rmSync(this.root, { recursive: true, force: true });
  }
}

export interface ManifestShape {
  readonly layers?: readonly Digest[];
  /** Makes it an index. */
  readonly entries?: readonly Digest[];
  readonly subject?: Digest;
  readonly tags?: readonly string[];
  /** Makes it another one than those that hold the same. */
  readonly note?: string;
}

function imageOf({ layers = [], entries, subject, note }: ManifestShape): object {
  const common = {
    schemaVersion: 2,
    ...(subject === undefined ? {} : { subject: { mediaType: MEDIA_TYPES.ociManifest, digest: subject, size: 1 } }),
    ...(note === undefined ? {} : { annotations: { note } }),
  };
  if (entries !== undefined) {
    const manifests = entries.map((digest) => ({ mediaType: MEDIA_TYPES.ociManifest, digest, size: 1 }));
    return { ...common, mediaType: MEDIA_TYPES.ociIndex, manifests };
  }
  const [config, ...rest] = layers;
  return {
    ...common,
    mediaType: MEDIA_TYPES.ociManifest,
    config: { mediaType: "application/vnd.oci.image.config.v1+json", digest: config, size: 1 },
    layers: rest.map((digest) => ({ mediaType: "application/vnd.oci.image.layer.v1.tar", digest, size: 1 })),
  };
}

/** A request's body. */
export function streamOf(text: string): ReadableStream<Uint8Array> {
  return new Blob([text]).stream();
}

/** Leaves blobs that no repository holds in a root. @returns where each of them is */
export async function storeBlobs(root: string, texts: readonly string[]): Promise<(text: string) => string> {
  const migrations = [...CONTENT_MIGRATIONS, ...REGISTRY_MIGRATIONS];
  using state = State.open(join(root, "state.db"), { migrations, now: Date.now });
  await using content = ContentStore.open({ directory: join(root, "content"), state });
  for (const text of texts) await content.put(text);
  return (text) => content.path(digestOf(text));
}

/** Takes a root, as a daemon does that owns it. */
export const holdRoot = lockRoot;
