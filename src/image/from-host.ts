import { posix } from "node:path";
import type { ContentStore } from "../content/content-store.ts";
import { untaggedName } from "../content/image-names.ts";
import type { Lease } from "../content/lease.ts";
import { GantryError } from "../errors/gantry-error.ts";
import type { Digest } from "../oci/digest.ts";
import { digestOf } from "../oci/hash-digest.ts";
import type { Descriptor, ImageConfig, ImageManifest, Platform } from "../oci/image.ts";
import { CONFIG_BYTES_MAX, MANIFEST_BYTES_MAX, parseImageConfig, parseManifest } from "../oci/manifest.ts";
import { MEDIA_TYPES } from "../oci/media-types.ts";
import { hostPlatform } from "../oci/platform.ts";
import { familiarReference, formatReference, parseReference, type Reference } from "../oci/reference.ts";
import type { State } from "../state/state.ts";
import { HostFiles } from "./from-host/host-files.ts";
import { checkHostPaths } from "./from-host/host-paths.ts";
import { LoadClosure } from "./from-host/load-closure.ts";
import { type PackedEntry, PackingList } from "./from-host/packing-list.ts";
import { addSurroundings } from "./from-host/surroundings.ts";
import { streamTar } from "./from-host/tar-stream.ts";
import type { LayerStore } from "./layer-store.ts";

export interface HostPackerParts {
  readonly state: State;
  readonly content: ContentStore;
  readonly layers: LayerStore;
  /** @default this host's */
  readonly platform?: Platform;
  /** @default the files of this host */
  readonly files?: HostFiles;
  /** The registry of names that say none. @default docker.io */
  readonly defaultRegistry?: () => string;
}

export interface PackFromHostOptions {
  /** Absolute paths of programs and folders. The first is what the image runs. */
  readonly paths: readonly string[];
  /** The image's name. Left out, it has none, and goes with the next `image prune`. */
  readonly name?: string;
  readonly signal?: AbortSignal;
}

export interface HostImage {
  readonly manifestDigest: Digest;
  /** The image's ID. */
  readonly configDigest: Digest;
  /** True if the same files were packed before, and nothing had to be done. */
  readonly isCached: boolean;
}

/** To be raised when the same files shall give another image. */
const FORMAT = 2;
const PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const CACHE_ROWS_MAX = 1000;

/**
 * Lists what an image of these paths holds: programs with all that they load; folders with all that is in them, and what
 * the programs in them load as far as it is there; and what programs expect around them. Reads the host, changes nothing.
 *
 * @throws `not-found` naming the path or library that is missing.
 */
export async function listFromHost(paths: readonly string[], files: HostFiles): Promise<readonly PackedEntry[]> {
  const list = new PackingList(files);
  const closure = new LoadClosure(files, list);
  for (const path of checkHostPaths(paths)) {
    const added = list.add(path);
    if (added === undefined)
      throw new GantryError("not-found", `cannot pack ${path}: this host has no such file or folder`);
    if (added.file.type === "other")
      throw new GantryError("invalid-argument", `cannot pack ${path}: it is no file and no folder`);
    if (added.file.type === "file") {
      closure.add(added.path);
      continue;
    }
    const programs: string[] = [];
    await list.addTree(added.path, (child, file) => {
      const mayBeProgram = (file.mode & 0o111) !== 0 || /\.so(?:\.|$)/.test(child);
      if (file.type === "symlink" || mayBeProgram) programs.push(child);
    });
    for (const child of programs) {
      // A link in the folder may point to a program outside of it; of folders outside only the link is kept.
      const target = list.resolve(child);
      if (target?.file.type !== "file") continue;
      list.add(child);
      closure.add(target.path, { missing: "skip" });
    }
  }
  addSurroundings(list, files, closure);
  return list.entries();
}

/** What the packed bytes depend on: paths, inodes, times, sizes, owners, modes, and what is made by us. */
function keyOf(paths: readonly string[], platform: Platform, entries: readonly PackedEntry[]): string {
  const parts = entries.map((entry) => {
    if (entry.kind === "made") return [entry.path, entry.mode, digestOf(entry.content ?? "")];
    const { type, mode, uid, gid, sizeBytes, mtimeNs, device, inode } = entry.file;
    return [
      entry.path,
      type,
      mode,
      uid,
      gid,
      sizeBytes,
      String(mtimeNs),
      String(device),
      String(inode),
      entry.linkPath ?? "",
    ];
  });
  return digestOf(JSON.stringify([FORMAT, platform, paths, parts]));
}

/** Packs programs of this host into images of one layer. */
export class HostPacker {
  readonly #parts: HostPackerParts;
  readonly #files: HostFiles;
  readonly #platform: Platform;

  constructor(parts: HostPackerParts) {
    this.#parts = parts;
    this.#files = parts.files ?? new HostFiles();
    this.#platform = parts.platform ?? hostPlatform();
  }

  /**
   * Makes an image of programs of this host, unpacked and ready to run. The same files give the same digest; when none has
   * changed since the last time, nothing is written but the name.
   *
   * @throws `not-found` naming what is missing, `invalid-argument`, `conflict` if a file changes meanwhile.
   */
  async pack(options: PackFromHostOptions): Promise<HostImage> {
    const { content } = this.#parts;
    const reference = this.#reference(options.name);
    const paths = options.paths.map((path) => posix.normalize(path));
    const entries = await listFromHost(options.paths, this.#files);
    const key = keyOf(paths, this.#platform, entries);
    using lease = content.graph.lease();
    const cached = await this.#cached(key, lease);
    if (cached !== undefined) {
      await this.#parts.layers.install(cached.manifest, cached.config, { lease });
      this.#record(key, cached.descriptor, cached.manifest, reference);
      const { descriptor, manifest } = cached;
      return { manifestDigest: descriptor.digest, configDigest: manifest.config.digest, isCached: true };
    }
    const { descriptor, manifest, config } = await this.#write(paths, entries, lease, options.signal);
    await this.#parts.layers.install(manifest, config, {
      lease,
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    });
    this.#record(key, descriptor, manifest, reference);
    return { manifestDigest: descriptor.digest, configDigest: manifest.config.digest, isCached: false };
  }

  #reference(name: string | undefined): Reference | undefined {
    if (name === undefined) return undefined;
    const registry = this.#parts.defaultRegistry?.();
    const reference = parseReference(name, registry === undefined ? {} : { defaultRegistry: registry });
    if (reference.digest === undefined) return reference;
    throw new GantryError("invalid-argument", "refusing to create a tag with a digest reference");
  }

  async #cached(key: string, lease: Lease) {
    const { state, content } = this.#parts;
    const row = state.db
      .query<{ manifest: string }, [string]>("SELECT manifest FROM host_images WHERE key = ?")
      .get(key);
    if (row === null) return undefined;
    const digest = row.manifest as Digest;
    lease.protect(digest);
    if (!content.has(digest)) return undefined;
    const bytes = await content.read(digest, { maxBytes: MANIFEST_BYTES_MAX });
    const document = parseManifest(bytes);
    if (document.kind !== "manifest") return undefined;
    const { manifest, mediaType } = document;
    const blobs = [manifest.config, ...manifest.layers].map((blob) => blob.digest);
    for (const blob of blobs) lease.protect(blob);
    if (!blobs.every((blob) => content.has(blob))) return undefined;
    const config = parseImageConfig(await content.read(manifest.config.digest, { maxBytes: CONFIG_BYTES_MAX }));
    return { descriptor: { mediaType, digest, size: bytes.byteLength }, manifest, config };
  }

  async #write(
    paths: readonly string[],
    entries: readonly PackedEntry[],
    lease: Lease,
    signal: AbortSignal | undefined,
  ) {
    const { content } = this.#parts;
    await using ingest = await content.ingest({ lease });
    for await (const chunk of streamTar(entries, this.#files)) {
      if (signal?.aborted)
        throw new GantryError("cancelled", "packing from the host was cancelled", { cause: signal.reason });
      await ingest.write(chunk);
    }
    const layer = await ingest.commit();
    const newestNs = entries.reduce((newest, entry) => {
      const mtimeNs = entry.kind === "host" ? entry.file.mtimeNs : 0n;
      return mtimeNs > newest ? mtimeNs : newest;
    }, 0n);
    // The time of the newest file, so that the same files give the same image whenever it is made.
    const created = new Date(Math.min(Number(newestNs / 1_000_000n), 8.64e15)).toISOString();
    const [first = ""] = paths;
    const isProgram = new PackingList(this.#files).resolve(first)?.file.type === "file";
    const config: ImageConfig = {
      created,
      ...this.#platform,
      config: { Env: [PATH], ...startOf(first, paths.length, isProgram), WorkingDir: "/" },
      rootfs: { type: "layers", diff_ids: [layer.digest] },
      history: [{ created, created_by: `gantry image from-host ${paths.join(" ")}` }],
    };
    const put = async (document: object, mediaType: string): Promise<Descriptor> => {
      const { digest, sizeBytes } = await content.put(JSON.stringify(document), { lease });
      return { mediaType, digest, size: sizeBytes };
    };
    const manifest: ImageManifest = {
      schemaVersion: 2,
      mediaType: MEDIA_TYPES.ociManifest,
      config: await put(config, MEDIA_TYPES.ociConfig),
      layers: [{ mediaType: MEDIA_TYPES.ociLayer, digest: layer.digest, size: layer.sizeBytes }],
    };
    return { descriptor: await put(manifest, MEDIA_TYPES.ociManifest), manifest, config };
  }

  #record(key: string, descriptor: Descriptor, manifest: ImageManifest, reference: Reference | undefined): void {
    const { state, content } = this.#parts;
    const name = reference === undefined ? untaggedName(descriptor.digest) : formatReference(reference);
    const isNew =
      reference === undefined
        ? content.names.of(descriptor.digest).length === 0
        : content.names.get(name)?.digest !== descriptor.digest;
    state.transaction(() => {
      content.graph.addReferences(descriptor.digest, [
        manifest.config.digest,
        ...manifest.layers.map((layer) => layer.digest),
      ]);
      state.db.run("INSERT OR REPLACE INTO host_images (key, manifest, used_ms) VALUES (?, ?, ?)", [
        key,
        descriptor.digest,
        state.now(),
      ]);
      state.db.run(
        "DELETE FROM host_images WHERE key NOT IN (SELECT key FROM host_images ORDER BY used_ms DESC LIMIT ?)",
        [CACHE_ROWS_MAX],
      );
      if (!isNew) return;
      content.names.set(name, descriptor);
      state.events.append({
        type: "image",
        action: "import",
        actorId: manifest.config.digest,
        attributes: { name: reference === undefined ? manifest.config.digest : familiarReference(reference) },
        timeNs: BigInt(state.now()) * 1_000_000n,
      });
    });
  }
}

/** A single program is what the image is: arguments are its own. Of several the first is only what starts when nothing else is named. */
function startOf(
  first: string,
  count: number,
  isProgram: boolean,
): { Entrypoint?: readonly string[]; Cmd?: readonly string[] } {
  if (!isProgram) return {};
  return count === 1 ? { Entrypoint: [first] } : { Cmd: [first] };
}
