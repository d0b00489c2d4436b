import type { Digest } from "../../src/oci/digest.ts";
import { digestOf } from "../../src/oci/hash-digest.ts";
import { MEDIA_TYPES } from "../../src/oci/media-types.ts";

/** A repository of a registry, as `http://HOST:PORT/v2/NAME`. */
export type RepositoryUrl = string;

export interface PushedManifest {
  readonly bytes: Uint8Array;
  readonly digest: Digest;
  readonly mediaType: string;
}

/** Pushes a blob in one piece, and expects that to succeed. */
export async function pushBlob(
  repository: RepositoryUrl,
  content: Uint8Array | string,
  algorithm: "sha256" | "sha512" = "sha256",
): Promise<Digest> {
  const bytes = Buffer.from(content);
  const digest = digestOf(bytes, algorithm);
  const begun = await fetch(`${repository}/blobs/uploads/`, { method: "POST" });
  if (begun.status !== 202) throw new Error(`POST said ${begun.status}: ${await begun.text()}`);
  const location = new URL(begun.headers.get("location") ?? "", repository);
  location.searchParams.set("digest", digest);
  const done = await fetch(location, { method: "PUT", body: bytes });
  if (done.status !== 201) throw new Error(`PUT said ${done.status}: ${await done.text()}`);
  return digest;
}

/** Asks to store a manifest. @param reference a tag or a digest, with a query if there is one */
export function putManifest(
  repository: RepositoryUrl,
  reference: string,
  manifest: { readonly bytes: Uint8Array | string; readonly mediaType?: string },
  headers: Readonly<Record<string, string>> = {},
): Promise<Response> {
  const contentType: Record<string, string> =
    manifest.mediaType === undefined ? {} : { "content-type": manifest.mediaType };
  return fetch(`${repository}/manifests/${reference}`, {
    method: "PUT",
    body: Buffer.from(manifest.bytes),
    headers: { ...contentType, ...headers },
  });
}

/** A document as the bytes that are pushed. */
export function encodeManifest(document: object, algorithm: "sha256" | "sha512" = "sha256"): PushedManifest {
  const bytes = Buffer.from(JSON.stringify(document));
  const { mediaType } = document as { readonly mediaType?: string };
  return { bytes, digest: digestOf(bytes, algorithm), mediaType: mediaType ?? MEDIA_TYPES.ociManifest };
}

/** A descriptor of bytes. */
export function describeBytes(
  content: Uint8Array | string,
  mediaType: string,
): { mediaType: string; digest: Digest; size: number } {
  const bytes = Buffer.from(content);
  return { mediaType, digest: digestOf(bytes), size: bytes.byteLength };
}

/** An image's manifest, its blobs pushed before. @param fields replace or add to those of the manifest */
export async function makeImage(
  repository: RepositoryUrl,
  layers: readonly string[] = ["a layer"],
  fields: object = {},
): Promise<PushedManifest> {
  const config = JSON.stringify({
    os: "linux",
    architecture: "amd64",
    rootfs: { type: "layers", diff_ids: [] },
    layers,
  });
  await Promise.all([config, ...layers].map((blob) => pushBlob(repository, blob)));
  return encodeManifest({
    schemaVersion: 2,
    mediaType: MEDIA_TYPES.ociManifest,
    config: describeBytes(config, MEDIA_TYPES.ociConfig),
    layers: layers.map((layer) => describeBytes(layer, "application/vnd.oci.image.layer.v1.tar+gzip")),
    ...fields,
  });
}

/** As `makeImage`, and pushed under a tag or its digest. */
export async function pushImage(
  repository: RepositoryUrl,
  reference?: string,
  fields: object = {},
): Promise<PushedManifest> {
  const image = await makeImage(repository, [`a layer of ${reference ?? "an image"}`], fields);
  const response = await putManifest(repository, reference ?? image.digest, image);
  if (response.status !== 201) throw new Error(`PUT said ${response.status}: ${await response.text()}`);
  return image;
}

/** Status, and the codes of the errors that the body tells. */
export async function refusal(
  response: Response,
): Promise<{ readonly status: number; readonly codes: readonly string[] }> {
  const { errors } = (await response.json()) as {
    readonly errors: readonly { readonly code: string; readonly message: string }[];
  };
  for (const { message } of errors) if (message === "") throw new Error("an error without a message");
  return { status: response.status, codes: errors.map(({ code }) => code) };
}
