import { gzipSync } from "node:zlib";
import { type Digest, digestHex } from "../../src/oci/digest.ts";
import { digestOf } from "../../src/oci/hash-digest.ts";
import { MEDIA_TYPES } from "../../src/oci/media-types.ts";
import { encodeTarHeader, type TarEntry, tarEnd, tarPadding } from "../../src/tar/tar-writer.ts";

/** An entry of a tar for tests, with its bytes if it is a file. */
export type MadeEntry = TarEntry & { readonly content?: Uint8Array };

/** A layer as it travels, with the digest of what it unpacks to. */
export interface MadeLayer {
  readonly bytes: Uint8Array;
  readonly diffId: Digest;
  readonly mediaType: string;
}

/** Writes a tar of exactly these entries, however hostile they are. */
export function makeTar(entries: readonly MadeEntry[]): Uint8Array {
  const pieces = entries.flatMap(({ content = new Uint8Array(), ...entry }) => [
    encodeTarHeader({ mode: 0o644, ...entry, sizeBytes: content.byteLength }),
    content,
    tarPadding(content.byteLength),
  ]);
  return Buffer.concat([...pieces, tarEnd()]);
}

export function makeLayer(entries: readonly MadeEntry[]): MadeLayer {
  const tar = makeTar(entries);
  return { bytes: gzipSync(tar), diffId: digestOf(tar), mediaType: MEDIA_TYPES.ociLayerGzip };
}

/** Writes an OCI archive of one image under a name. */
export function makeArchive(name: string, layers: readonly MadeLayer[]): Uint8Array {
  const blobs = new Map<string, Uint8Array>();
  const put = (bytes: Uint8Array, mediaType: string) => {
    const digest = digestOf(bytes);
    blobs.set(`blobs/sha256/${digestHex(digest)}`, bytes);
    return { mediaType, digest, size: bytes.byteLength };
  };
  const encode = (document: object) => new TextEncoder().encode(JSON.stringify(document));
  const rootfs = { type: "layers", diff_ids: layers.map(({ diffId }) => diffId) };
  const config = put(
    encode({ os: "linux", architecture: "amd64", config: { Cmd: ["/x"] }, rootfs }),
    MEDIA_TYPES.ociConfig,
  );
  const descriptors = layers.map(({ bytes, mediaType }) => put(bytes, mediaType));
  const mediaType = MEDIA_TYPES.ociManifest;
  const manifest = put(encode({ schemaVersion: 2, mediaType, config, layers: descriptors }), mediaType);
  const annotations = { "org.opencontainers.image.ref.name": name, "io.containerd.image.name": name };
  const index = { schemaVersion: 2, manifests: [{ ...manifest, annotations }] };
  blobs.set("oci-layout", encode({ imageLayoutVersion: "1.0.0" }));
  blobs.set("index.json", encode(index));
  return makeTar([...blobs].map(([path, content]) => ({ type: "file", path, content })));
}
