import { closeSync, openSync, readFileSync, readSync } from "node:fs";
import type { ContentStore } from "../content/content-store.ts";
import { untaggedName } from "../content/image-names.ts";
import type { Lease } from "../content/lease.ts";
import { GantryError } from "../errors/gantry-error.ts";
import { type Digest, isDigest } from "../oci/digest.ts";
import type { Descriptor, ImageManifest } from "../oci/image.ts";
import { CONFIG_BYTES_MAX, MANIFEST_BYTES_MAX, parseImageConfig, parseManifest } from "../oci/manifest.ts";
import { MEDIA_TYPES } from "../oci/media-types.ts";
import { formatReference, parseReference, withDefaultTag } from "../oci/reference.ts";
import { detectCompression } from "./decompress.ts";
import type { ArchiveMember } from "./unpack/worker-protocol.ts";

/** An image found in an archive: what it is, and what it is to be called. */
export interface LoadedTarget {
  readonly target: Descriptor;
  /** Spelled out; empty for an image without a name. */
  readonly names: readonly string[];
}

export interface LoadParts {
  readonly content: ContentStore;
  readonly lease: Lease;
}

const LINK_DEPTH_MAX = 8;
const LAYER_TYPES = { gzip: MEDIA_TYPES.ociLayerGzip, zstd: MEDIA_TYPES.ociLayerZstd, none: MEDIA_TYPES.ociLayer };

/** The files of an archive of images, by name; links are followed within it. */
class ArchiveFiles {
  readonly #members: ReadonlyMap<string, ArchiveMember>;
  readonly #parts: LoadParts;
  /** Paths whose files are in the store by now. */
  readonly #stored = new Set<string>();

  constructor(members: readonly ArchiveMember[], parts: LoadParts) {
    this.#members = new Map(members.map((member) => [member.name, member]));
    this.#parts = parts;
  }

  has(name: string): boolean {
    return this.#find(name) !== undefined;
  }

  #find(name: string): ArchiveMember | undefined {
    let member = this.#members.get(name);
    for (let depth = 0; member?.linkTarget !== undefined; depth++) {
      if (depth === LINK_DEPTH_MAX) return undefined;
      member = this.#members.get(member.linkTarget);
    }
    return member;
  }

  #need(name: string): { readonly path: string; readonly digest: Digest; readonly sizeBytes: number } {
    const member = this.#find(name);
    if (member?.path === undefined || member.digest === undefined) {
      throw new GantryError("data-loss", `the archive has no ${JSON.stringify(name)}`);
    }
    return { path: member.path, digest: member.digest, sizeBytes: member.sizeBytes };
  }

  bytes(name: string, maxBytes: number): Uint8Array {
    const member = this.#need(name);
    if (member.sizeBytes > maxBytes) throw new GantryError("data-loss", `${name} in the archive is too large`);
    return readFileSync(this.#stored.has(member.path) ? this.#parts.content.path(member.digest) : member.path);
  }

  json(name: string): unknown {
    try {
      return JSON.parse(Buffer.from(this.bytes(name, MANIFEST_BYTES_MAX)).toString("utf8"));
    } catch (cause) {
      if (cause instanceof GantryError) throw cause;
      throw new GantryError("data-loss", `${name} in the archive is not JSON`, { cause });
    }
  }

  /** Stores a file of the archive as a blob. @throws `data-loss` if it is not what `expected` says. */
  async store(name: string, expected?: Digest): Promise<{ readonly digest: Digest; readonly sizeBytes: number }> {
    const member = this.#need(name);
    if (this.#stored.has(member.path)) return member;
    if (expected !== undefined && expected !== member.digest) {
      throw new GantryError("data-loss", `wrong digest: ${name} in the archive is ${member.digest}, not ${expected}`);
    }
    const { content, lease } = this.#parts;
    await content.adopt(member, member, { lease });
    this.#stored.add(member.path);
    return member;
  }

  /** Stores bytes that the archive does not have as a file. */
  async put(text: string): Promise<{ readonly digest: Digest; readonly sizeBytes: number }> {
    return await this.#parts.content.put(text, { lease: this.#parts.lease });
  }

  addReferences(parent: Digest, children: readonly Digest[]): void {
    this.#parts.content.graph.addReferences(parent, children);
  }

  /** Whether the store has it, from before or from this archive. */
  isStored(digest: Digest): boolean {
    const isStored = this.#parts.content.has(digest);
    if (isStored) this.#parts.lease.protect(digest);
    return isStored;
  }

  /** The first bytes of a stored blob. */
  head(digest: Digest): Uint8Array {
    const fd = openSync(this.#parts.content.path(digest), "r");
    try {
      const head = new Uint8Array(4);
      return head.subarray(0, readSync(fd, head));
    } finally {
      closeSync(fd);
    }
  }
}

function blobName(digest: Digest): string {
  return `blobs/${digest.replace(":", "/")}`;
}

/** Stores a manifest or an index with all of it that the archive has. Of an index, platforms may be absent, but not all. */
async function storeTree(files: ArchiveFiles, entry: Descriptor): Promise<boolean> {
  const name = blobName(entry.digest);
  if (!files.has(name)) return false;
  const document = parseManifest(files.bytes(name, MANIFEST_BYTES_MAX), entry.mediaType);
  if (document.kind === "index") {
    const { manifests } = document.index;
    let present = 0;
    for (const child of manifests) if (await storeTree(files, child)) present += 1;
    if (present === 0 && manifests.length > 0) return false;
    files.addReferences(
      entry.digest,
      manifests.map((child) => child.digest),
    );
  } else {
    const { config, layers } = document.manifest;
    for (const blob of [config, ...layers]) {
      if (files.has(blobName(blob.digest)) && !files.isStored(blob.digest))
        await files.store(blobName(blob.digest), blob.digest);
      else if (!files.isStored(blob.digest)) throw new GantryError("data-loss", `the archive lacks ${blob.digest}`);
    }
    files.addReferences(
      entry.digest,
      [config, ...layers].map((blob) => blob.digest),
    );
  }
  await files.store(name, entry.digest);
  return true;
}

function nameOf(entry: Descriptor): readonly string[] {
  const full = entry.annotations?.["io.containerd.image.name"];
  const ref = entry.annotations?.["org.opencontainers.image.ref.name"];
  // skopeo and umoci write a mere tag there, which names nothing; or a whole name.
  const text = full ?? (ref !== undefined && /[/:]/.test(ref) ? ref : undefined);
  return text === undefined ? [] : [formatReference(withDefaultTag(parseReference(text)))];
}

/** An OCI image layout in an archive (image-spec, image-layout.md). */
async function loadLayout(files: ArchiveFiles): Promise<readonly LoadedTarget[]> {
  const document = parseManifest(files.bytes("index.json", MANIFEST_BYTES_MAX), MEDIA_TYPES.ociIndex);
  if (document.kind !== "index") throw new GantryError("data-loss", "index.json in the archive is no index");
  const loaded = new Map<Digest, LoadedTarget>();
  for (const entry of document.index.manifests) {
    if (!(await storeTree(files, entry))) throw new GantryError("data-loss", `the archive lacks ${entry.digest}`);
    const known = loaded.get(entry.digest);
    loaded.set(entry.digest, { target: entry, names: [...(known?.names ?? []), ...nameOf(entry)] });
  }
  return [...loaded.values()];
}

interface DockerEntry {
  readonly Config: string;
  readonly RepoTags: readonly string[];
  readonly Layers: readonly string[];
}

function readDockerEntries(value: unknown): readonly DockerEntry[] {
  if (!Array.isArray(value)) throw new GantryError("data-loss", "manifest.json in the archive is no list");
  return value.map((item: unknown) => {
    const { Config, RepoTags, Layers } = (item ?? {}) as Record<string, unknown>;
    const isStrings = (list: unknown): list is string[] =>
      Array.isArray(list) && list.every((text) => typeof text === "string");
    if (
      typeof Config !== "string" ||
      !isStrings(Layers) ||
      !(isStrings(RepoTags) || RepoTags === null || RepoTags === undefined)
    ) {
      throw new GantryError("data-loss", "manifest.json in the archive is malformed");
    }
    return { Config, Layers, RepoTags: RepoTags ?? [] };
  });
}

function normalMember(name: string): string {
  return name
    .split("/")
    .filter((part) => part !== "" && part !== ".")
    .join("/");
}

/** What `docker save` writes: a config and layers, for which a manifest is made here, the same one each time. */
async function loadDocker(files: ArchiveFiles): Promise<readonly LoadedTarget[]> {
  const loaded: LoadedTarget[] = [];
  for (const entry of readDockerEntries(files.json("manifest.json"))) {
    const configName = normalMember(entry.Config);
    const config = parseImageConfig(files.bytes(configName, CONFIG_BYTES_MAX));
    if (config.rootfs.diff_ids.length !== entry.Layers.length) {
      throw new GantryError("data-loss", "the archive's manifest.json and its image config name different layers");
    }
    const named = /(?:^|\/)([0-9a-f]{64})(?:\.json)?$/.exec(configName)?.[1];
    const expected = `sha256:${named ?? ""}`;
    const storedConfig = await files.store(configName, isDigest(expected) ? expected : undefined);
    const layers: Descriptor[] = [];
    const done = new Map<string, Descriptor>();
    for (const layerName of entry.Layers.map(normalMember)) {
      const layer = done.get(layerName) ?? (await storeLayer(files, layerName));
      done.set(layerName, layer);
      layers.push(layer);
    }
    const manifest: ImageManifest = {
      schemaVersion: 2,
      mediaType: MEDIA_TYPES.ociManifest,
      config: { mediaType: MEDIA_TYPES.ociConfig, digest: storedConfig.digest, size: storedConfig.sizeBytes },
      layers,
    };
    const stored = await files.put(JSON.stringify(manifest));
    files.addReferences(stored.digest, [storedConfig.digest, ...layers.map((layer) => layer.digest)]);
    loaded.push({
      target: { mediaType: MEDIA_TYPES.ociManifest, digest: stored.digest, size: stored.sizeBytes },
      names: entry.RepoTags.map((tag) => formatReference(withDefaultTag(parseReference(tag)))),
    });
  }
  return loaded;
}

async function storeLayer(files: ArchiveFiles, name: string): Promise<Descriptor> {
  const { digest, sizeBytes } = await files.store(name);
  return { mediaType: LAYER_TYPES[detectCompression(files.head(digest))], digest, size: sizeBytes };
}

/** Stores what an archive has: an OCI image layout, what `docker save` writes, or both in one. */
export async function loadMembers(
  members: readonly ArchiveMember[],
  parts: LoadParts,
): Promise<readonly LoadedTarget[]> {
  const files = new ArchiveFiles(members, parts);
  if (files.has("index.json") && files.has("oci-layout")) {
    const loaded = await loadLayout(files);
    if (loaded.length > 0) return loaded;
  }
  if (files.has("manifest.json")) return await loadDocker(files);
  throw new GantryError("invalid-argument", "the archive holds no image: it has neither index.json nor manifest.json", {
    hint: "load takes what `docker save`, `skopeo copy … docker-archive:` or `oci-archive:` write",
  });
}

/** The name that keeps a target, where the archive has none for it. */
export function namesToSet(loaded: LoadedTarget): readonly string[] {
  return loaded.names.length > 0 ? loaded.names : [untaggedName(loaded.target.digest)];
}
