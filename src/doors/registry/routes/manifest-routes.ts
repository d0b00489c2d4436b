import type { ManifestRecord } from "../../../distribution/repositories/manifests.ts";
import { RegistryError } from "../../../distribution/repositories/registry-error.ts";
import { isTag, type RepositoryName, type Tag } from "../../../distribution/repositories/repository-name.ts";
import type { Digest } from "../../../oci/digest.ts";
import { digestOf } from "../../../oci/hash-digest.ts";
import { MANIFEST_BYTES_MAX } from "../../../oci/manifest.ts";
import { entityTag, isNotModified, requireConditions, requireMatch } from "../http-conditions.ts";
import type { RegistryExchange } from "../registry-exchange.ts";
import { keepRoom, requireRoom } from "../require-room.ts";

interface ManifestTarget {
  readonly repository: RepositoryName;
  readonly named: { readonly tag: Tag } | { readonly digest: Digest };
}

/** distribution-spec has clients expect ten. */
const TAGS_MAX = 100;

function describe(manifest: ManifestRecord): Record<string, string> {
  return {
    "content-type": manifest.mediaType,
    "docker-content-digest": manifest.digest,
    etag: entityTag(manifest.digest),
  };
}

/** distribution-spec, "Pulling manifests". */
export async function getManifest(exchange: RegistryExchange, target: ManifestTarget): Promise<Response> {
  const { request, parts, tell, cache } = exchange;
  const isStale = (await cache?.ensureManifest(target.repository, target.named)) === true;
  const manifest = parts.manifests.require(target.repository, target.named);
  requireMatch(request.headers, manifest.digest);
  // Who asks by digest whether it is there may be about to push an index that names it.
  const isUse = request.method !== "HEAD" || "digest" in target.named;
  if (isUse) parts.lastPulls.note(target.repository, manifest.digest);
  // RFC 7234, section 5.5.1; RFC 9111 has no such code any more, and clients that show it are glad of it.
  const headers = { ...describe(manifest), ...(isStale ? { warning: '110 - "Response is Stale"' } : {}) };
  if (isNotModified(request.headers, manifest.digest)) return new Response(null, { status: 304, headers });
  if (request.method === "HEAD") {
    return new Response(null, { headers: { ...headers, "content-length": String(manifest.sizeBytes) } });
  }
  const bytes = await parts.manifests.read(manifest);
  tell?.("pull", { repository: target.repository, ...manifest, ...("tag" in target.named ? target.named : {}) });
  return new Response(bytes, { headers });
}

/** distribution-spec, "Pushing Manifests". */
export async function putManifest(exchange: RegistryExchange, target: ManifestTarget): Promise<Response> {
  const { request, parts, query, settings, tell } = exchange;
  const { repository, named } = target;
  const tags = "tag" in named ? [named.tag] : readTags(query);
  const bytes = await readManifestBody(request);
  const digest = "digest" in named ? named.digest : digestOf(bytes);
  /** One that is there takes no more room, whatever tag is to name it. */
  const neededBytes = (): number => (parts.manifests.find(repository, { digest }) === undefined ? bytes.byteLength : 0);
  using room = keepRoom(exchange, repository, neededBytes());
  const stored = await parts.manifests.put(repository, bytes, {
    ...("digest" in named ? { digest: named.digest } : {}),
    tags,
    contentType: (request.headers.get("content-type") ?? "").split(";", 1)[0]?.trim() ?? "",
    allowsSparse: settings.allowsSparse ?? false,
    condition: (current) => {
      requireConditions(request.headers, current);
      // The rules may have changed meanwhile.
      requireRoom(exchange, repository, { bytes: neededBytes(), except: room.claimant });
    },
    also: (manifest) => {
      room[Symbol.dispose]();
      if (tags.length === 0) tell?.("push", { repository, ...manifest });
      for (const tag of tags) tell?.("push", { repository, ...manifest, tag });
    },
  });
  const headers = new Headers({
    location: `/v2/${repository}/manifests/${stored.digest}`,
    "docker-content-digest": stored.digest,
    ...(stored.subject === undefined ? {} : { "oci-subject": stored.subject }),
    ...("digest" in named && tags.length > 0 ? { "oci-tag": tags.join(", ") } : {}),
  });
  return new Response(null, { status: 201, headers });
}

function readTags(query: URLSearchParams): readonly Tag[] {
  const tags = query.getAll("tag");
  if (tags.length > TAGS_MAX) {
    throw new RegistryError("UNSUPPORTED", `${tags.length} tags in one request, more than ${TAGS_MAX}`, {
      status: 414,
    });
  }
  return tags.map((tag) => {
    if (isTag(tag)) return tag;
    throw new RegistryError("MANIFEST_INVALID", `${JSON.stringify(tag.slice(0, 200))} is no tag`);
  });
}

async function readManifestBody(request: Request): Promise<Uint8Array> {
  const tooLarge = (): RegistryError =>
    new RegistryError("MANIFEST_INVALID", `the manifest is larger than ${MANIFEST_BYTES_MAX} bytes`, { status: 413 });
  if (Number(request.headers.get("content-length") ?? 0) > MANIFEST_BYTES_MAX) throw tooLarge();
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const chunk of request.body ?? []) {
    sizeBytes += chunk.byteLength;
    if (sizeBytes > MANIFEST_BYTES_MAX) throw tooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** distribution-spec, "Deleting tags" and "Deleting Manifests". */
export async function deleteManifest(exchange: RegistryExchange, target: ManifestTarget): Promise<Response> {
  const { request, parts, tell } = exchange;
  const { repository, named } = target;
  parts.transaction(() => {
    requireConditions(request.headers, parts.manifests.find(repository, named)?.digest);
    if ("tag" in named) parts.manifests.untag(repository, named.tag);
    else parts.manifests.remove(repository, named.digest);
    tell?.("delete", { repository, ...named });
  });
  return new Response(null, { status: 202 });
}
