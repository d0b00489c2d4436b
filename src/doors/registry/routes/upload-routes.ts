import { RegistryError } from "../../../distribution/repositories/registry-error.ts";
import { parseDigest, type RepositoryName } from "../../../distribution/repositories/repository-name.ts";
import { type Digest, type DigestAlgorithm, digestAlgorithm } from "../../../oci/digest.ts";
import { parseContentRange } from "../byte-range.ts";
import { mountBlob } from "../mount-blob.ts";
import type { RegistryExchange } from "../registry-exchange.ts";
import { admitUpload, requireRoom } from "../require-room.ts";
import { BLOB_TYPE } from "../tell-event.ts";

interface UploadTarget {
  readonly repository: RepositoryName;
  readonly id: string;
}

function progress({ repository, id }: UploadTarget, offsetBytes: number): Record<string, string> {
  return {
    location: `/v2/${repository}/blobs/uploads/${id}`,
    // Docker's registry says 0-0 of nothing too; so clients read it.
    range: `0-${Math.max(0, offsetBytes - 1)}`,
    "docker-upload-uuid": id,
  };
}

function created(repository: RepositoryName, digest: Digest): Response {
  const headers = { location: `/v2/${repository}/blobs/${digest}`, "docker-content-digest": digest };
  return new Response(null, { status: 201, headers });
}

/** POST: an upload begins, unless the blob can be mounted, or comes whole with this request (distribution-spec, "Pushing blobs"). */
export async function beginUpload(exchange: RegistryExchange, repository: RepositoryName): Promise<Response> {
  const { query, parts, identity } = exchange;
  const mount = query.get("mount");
  if (mount !== null && mountBlob(exchange, repository, parseDigest(mount))) {
    return created(repository, parseDigest(mount));
  }
  requireRoom(exchange, repository);
  const whole = mount === null ? query.get("digest") : null;
  if (whole !== null) {
    const digest = parseDigest(whole);
    const id = parts.uploads.begin(repository, digestAlgorithm(digest), identity.name);
    try {
      return await finish(exchange, { repository, id }, digest);
    } catch (error) {
      // Nobody was told its name, so nobody can go on with it.
      await parts.uploads.cancel(repository, id).catch(() => undefined);
      throw error;
    }
  }
  const algorithm = query.get("digest-algorithm") ?? "sha256";
  if (!isAlgorithm(algorithm)) {
    throw new RegistryError("DIGEST_INVALID", `digest-algorithm is ${JSON.stringify(algorithm.slice(0, 50))}`, {
      hint: "sha256 and sha512 are there",
    });
  }
  const id = parts.uploads.begin(repository, algorithm, identity.name);
  return new Response(null, { status: 202, headers: progress({ repository, id }, 0) });
}

function isAlgorithm(text: string): text is DigestAlgorithm {
  return text === "sha256" || text === "sha512";
}

/** GET: where an upload stands. */
export async function getUpload({ parts }: RegistryExchange, target: UploadTarget): Promise<Response> {
  const offsetBytes = await parts.uploads.offset(target.repository, target.id);
  return new Response(null, { status: 204, headers: progress(target, offsetBytes) });
}

/** PATCH: a chunk, or all in one stream. */
export async function patchUpload(exchange: RegistryExchange, target: UploadTarget): Promise<Response> {
  const offsetBytes = await append(exchange, target);
  return new Response(null, { status: 202, headers: progress(target, offsetBytes) });
}

/** PUT: the last chunk, if there is one, and the digest of the whole. */
export async function putUpload(exchange: RegistryExchange, target: UploadTarget): Promise<Response> {
  const digest = exchange.query.get("digest");
  if (digest !== null) return await finish(exchange, target, parseDigest(digest));
  throw new RegistryError("DIGEST_INVALID", "the query has no digest of the blob", { hint: "add ?digest=sha256:…" });
}

async function finish(exchange: RegistryExchange, target: UploadTarget, digest: Digest): Promise<Response> {
  await append(exchange, target);
  const { repository } = target;
  await exchange.parts.uploads.finish(target, digest, {
    also: ({ sizeBytes }) => {
      // The rules may have changed meanwhile, and of repositories that are begun at once the last one may be too much.
      requireRoom(exchange, repository);
      exchange.tell?.("push", { repository, digest, sizeBytes, mediaType: BLOB_TYPE });
    },
  });
  return created(target.repository, digest);
}

async function append(exchange: RegistryExchange, target: UploadTarget): Promise<number> {
  const { request, parts } = exchange;
  const header = request.headers.get("content-range");
  const range = header === null ? undefined : parseContentRange(header);
  if (header !== null && range === undefined) {
    throw new RegistryError("BLOB_UPLOAD_INVALID", `${JSON.stringify(header.slice(0, 100))} is no Content-Range`, {
      hint: "write it as START-END, both inclusive",
    });
  }
  const lengthBytes = request.headers.get("content-length");
  if (range !== undefined && lengthBytes !== null && Number(lengthBytes) !== range.end - range.start + 1) {
    throw new RegistryError(
      "SIZE_INVALID",
      `Content-Range says ${header}, and Content-Length that there are ${lengthBytes} bytes`,
    );
  }
  const { repository, id } = target;
  try {
    return await parts.uploads.append(repository, id, request.body ?? undefined, {
      admit: admitUpload(exchange, target),
      ...(lengthBytes === null || !/^\d+$/.test(lengthBytes) ? {} : { lengthBytes: Number(lengthBytes) }),
      ...(range === undefined ? {} : { startBytes: range.start, sizeBytes: range.end - range.start + 1 }),
    });
  } catch (error) {
    // What has no room is not kept to go on with.
    if (error instanceof RegistryError && error.registryCode === "DENIED") await parts.uploads.cancel(repository, id);
    throw error;
  }
}

/** DELETE: the client gives it up. */
export async function deleteUpload({ parts }: RegistryExchange, target: UploadTarget): Promise<Response> {
  await parts.uploads.cancel(target.repository, target.id);
  return new Response(null, { status: 204 });
}
