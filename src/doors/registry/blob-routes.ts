import type { RepositoryName } from "../../distribution/repositories/repository-name.ts";
import type { Digest } from "../../oci/digest.ts";
import { fileBody } from "../../platform/http-server.ts";
import { parseRange } from "./byte-range.ts";
import { entityTag, isNotModified, requireMatch } from "./http-conditions.ts";
import type { RegistryExchange } from "./registry-exchange.ts";
import { BLOB_TYPE } from "./tell-event.ts";

interface BlobTarget {
  readonly repository: RepositoryName;
  readonly digest: Digest;
}

/** distribution-spec, "Pulling blobs"; the bytes are sent by the kernel. */
export async function getBlob(
  { request, parts, tell, cache }: RegistryExchange,
  target: BlobTarget,
): Promise<Response> {
  const { digest } = target;
  const download = await cache?.download(target.repository, digest);
  const { sizeBytes } = download ?? parts.blobs.require(target.repository, digest);
  requireMatch(request.headers, digest);
  const isHead = request.method === "HEAD";
  // A push asks so before it leaves the bytes out.
  if (isHead) parts.blobs.renew(target.repository, digest);
  const etag = entityTag(digest);
  const headers = {
    "content-type": "application/octet-stream",
    "docker-content-digest": digest,
    etag,
    "accept-ranges": "bytes",
    // Bun would say the file's name.
    "content-disposition": "attachment",
    // Whoever asked for it by digest may keep it for ever.
    "cache-control": "private, max-age=31536000, immutable",
  };
  if (isNotModified(request.headers, digest)) return new Response(null, { status: 304, headers });
  const ifRange = request.headers.get("if-range");
  const range = ifRange === null || ifRange === etag ? parseRange(request.headers.get("range"), sizeBytes) : undefined;
  if (range === "unsatisfiable") {
    return new Response(null, { status: 416, headers: { ...headers, "content-range": `bytes */${sizeBytes}` } });
  }
  if (!isHead) tell?.("pull", { repository: target.repository, digest, sizeBytes, mediaType: BLOB_TYPE });
  const bytes = (start: number, end: number): Blob | ReadableStream<Uint8Array> | null => {
    if (isHead || end === start) return null;
    return download === undefined
      ? fileBody(parts.blobs.path(digest), start, end)
      : streamOf(download.read(start, end));
  };
  if (range === undefined) {
    const length = { "content-length": String(sizeBytes) };
    return new Response(bytes(0, sizeBytes), { headers: { ...headers, ...length } });
  }
  return new Response(bytes(range.start, range.end + 1), {
    status: 206,
    headers: {
      ...headers,
      "content-range": `bytes ${range.start}-${range.end}/${sizeBytes}`,
      "content-length": String(range.end - range.start + 1),
    },
  });
}

function streamOf(chunks: AsyncGenerator<Uint8Array, void, undefined>): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await chunks.next();
        if (done === true) controller.close();
        else controller.enqueue(value);
      },
      async cancel() {
        await chunks.return();
      },
    },
    { highWaterMark: 0 },
  );
}

/** distribution-spec, "Deleting Blobs". */
export async function deleteBlob({ parts, tell }: RegistryExchange, target: BlobTarget): Promise<Response> {
  const { repository, digest } = target;
  parts.transaction(() => {
    parts.blobs.unlink(repository, digest);
    tell?.("delete", { repository, digest });
  });
  return new Response(null, { status: 202 });
}
