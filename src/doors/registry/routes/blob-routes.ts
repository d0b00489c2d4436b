import type { BlobSpan } from "../../../content/blob-storage.ts";
import type { RepositoryName } from "../../../distribution/repositories/repository-name.ts";
import type { BlobDownload } from "../../../distribution/upstream/blob-download.ts";
import { formatError, isGantryError } from "../../../errors/gantry-error.ts";
import type { Digest } from "../../../oci/digest.ts";
import { madeBody } from "../../../platform/http/made-body.ts";
import { parseRange } from "../byte-range.ts";
import { entityTag, isNotModified, requireMatch } from "../http-conditions.ts";
import type { RegistryExchange } from "../registry-exchange.ts";
import { BLOB_TYPE } from "../tell-event.ts";

interface BlobTarget {
  readonly repository: RepositoryName;
  readonly digest: Digest;
}

/** distribution-spec, "Pulling blobs". */
export async function getBlob(exchange: RegistryExchange, target: BlobTarget): Promise<Response> {
  const { request, parts, tell, cache } = exchange;
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
  const { start, end } =
    range === undefined ? { start: 0, end: sizeBytes } : { start: range.start, end: range.end + 1 };
  const elsewhere = isHead || download !== undefined ? undefined : await parts.blobs.redirect(digest);
  const body =
    isHead || start === end || elsewhere !== undefined
      ? null
      : await bytesOf({ start, end }, { download, digest }, exchange);
  if (!isHead) tell?.("pull", { repository: target.repository, digest, sizeBytes, mediaType: BLOB_TYPE });
  if (elsewhere !== undefined) {
    return new Response(null, { status: 307, headers: { location: elsewhere, "cache-control": "no-store" } });
  }
  const length = { "content-length": String(end - start) };
  if (range === undefined) return new Response(body, { headers: { ...headers, ...length } });
  const contentRange = { "content-range": `bytes ${range.start}-${range.end}/${sizeBytes}` };
  return new Response(body, { status: 206, headers: { ...headers, ...contentRange, ...length } });
}

interface BytesSource {
  /** What is on its way here. */
  readonly download: BlobDownload | undefined;
  readonly digest: Digest;
}

async function bytesOf(
  span: BlobSpan,
  { download, digest }: BytesSource,
  { parts, warn }: RegistryExchange,
): Promise<Blob | ReadableStream<Uint8Array>> {
  const body = download?.read(span.start, span.end) ?? (await parts.blobs.body(digest, span));
  if (body instanceof Blob || body instanceof ReadableStream) return body;
  return madeBody(body, (error) =>
    warn(`the answer with ${digest} ended early: ${isGantryError(error) ? formatError(error) : error}`),
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
