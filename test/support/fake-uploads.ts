import type { IncomingMessage, ServerResponse } from "node:http";
import { digestOf } from "../../src/oci/hash-digest.ts";
import { type FakeRegistry, refuse } from "./fake-registry.ts";

/** The writing half of a registry in memory; `intercept` of a `FakeRegistry` calls `take`. */
export class FakeUploads {
  /** The connection of each PATCH in turn breaks after so many of its bytes; `undefined` lets one through. */
  readonly breaks: (number | undefined)[] = [];
  /** `METHOD range` of each request that carried bytes of a blob. */
  readonly sent: string[] = [];
  /** Which repositories hold which blobs; mounts take from there. */
  readonly holders = new Map<string, Set<string>>();
  /** Uploads are forgotten when their connection breaks. */
  isForgetful = false;
  /** Answers to manifests with a subject name it. */
  knowsSubjects = false;
  readonly #registry: FakeRegistry;
  readonly #uploads = new Map<string, Buffer>();
  #count = 0;

  constructor(registry: FakeRegistry) {
    this.#registry = registry;
    registry.intercept = (request, response) => this.take(request, response);
  }

  /** Uploads that were begun and neither ended nor cancelled. */
  get open(): number {
    return this.#uploads.size;
  }

  take(request: IncomingMessage, response: ServerResponse): boolean {
    const url = new URL(request.url ?? "", "http://registry");
    const [, repository = "", rest = ""] = /^\/v2\/(.+?)\/(blobs\/.*|manifests\/.*)$/.exec(url.pathname) ?? [];
    if (request.method === "HEAD" && rest.startsWith("blobs/sha")) {
      response.statusCode = this.holders.get(repository)?.has(rest.slice("blobs/".length)) ? 200 : 404;
      response.end();
      return true;
    }
    if (rest === "blobs/uploads/" && request.method === "POST") {
      this.#begin(repository, url, response);
      return true;
    }
    if (rest.startsWith("blobs/uploads/")) {
      void this.#continue({ repository, id: rest.slice("blobs/uploads/".length), url }, request, response);
      return true;
    }
    if (rest.startsWith("manifests/") && request.method === "PUT") {
      void this.#putManifest(`${repository}`, rest.slice("manifests/".length), { request, response });
      return true;
    }
    return false;
  }

  #hold(repository: string, digest: string): void {
    this.holders.set(repository, (this.holders.get(repository) ?? new Set()).add(digest));
  }

  #begin(repository: string, url: URL, response: ServerResponse): void {
    const [mount, from] = [url.searchParams.get("mount") ?? "", url.searchParams.get("from") ?? ""];
    if (this.holders.get(from)?.has(mount)) {
      this.#hold(repository, mount);
      response.writeHead(201, { location: `/v2/${repository}/blobs/${mount}` }).end();
      return;
    }
    const id = String(++this.#count);
    this.#uploads.set(id, Buffer.alloc(0));
    response.writeHead(202, { location: `/v2/${repository}/blobs/uploads/${id}?state=x`, range: "0-0" }).end();
  }

  async #continue(
    { repository, id, url }: { readonly repository: string; readonly id: string; readonly url: URL },
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const had = this.#uploads.get(id);
    if (had === undefined) return refuse(response, 404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry");
    const location = `/v2/${repository}/blobs/uploads/${id}?state=x`;
    if (request.method === "DELETE") {
      this.#uploads.delete(id);
      response.writeHead(204).end();
      return;
    }
    if (request.method === "GET") {
      response.writeHead(204, { location, range: `0-${Math.max(0, had.byteLength - 1)}` }).end();
      return;
    }
    const range = request.headers["content-range"];
    this.sent.push(`${request.method} ${range ?? "all"}`);
    if (range !== undefined && Number(range.split("-")[0]) !== had.byteLength) {
      return refuse(response, 416, "BLOB_UPLOAD_INVALID", "out of order");
    }
    const limit = request.method === "PATCH" ? this.breaks.shift() : undefined;
    const bytes = await this.#receive(request, limit);
    const now = Buffer.concat([had, bytes]);
    if (limit !== undefined) {
      if (this.isForgetful) this.#uploads.delete(id);
      else this.#uploads.set(id, now);
      request.socket.destroy();
      return;
    }
    this.#uploads.set(id, now);
    if (request.method === "PATCH") {
      response.writeHead(202, { location, range: `0-${now.byteLength - 1}` }).end();
      return;
    }
    const digest = url.searchParams.get("digest") ?? "";
    if (digestOf(now) !== digest) return refuse(response, 400, "DIGEST_INVALID", "digest did not match");
    this.#uploads.delete(id);
    this.#registry.blobs.set(digest, now);
    this.#hold(repository, digest);
    response.writeHead(201, { "docker-content-digest": digest }).end();
  }

  /** The body, or the first `limit` bytes of it. */
  #receive(request: IncomingMessage, limit = Number.POSITIVE_INFINITY): Promise<Buffer> {
    const { promise, resolve } = Promise.withResolvers<Buffer>();
    const chunks: Buffer[] = [];
    let length = 0;
    const finish = (): void => resolve(Buffer.concat(chunks).subarray(0, Math.min(length, limit)));
    request.on("data", (chunk: Buffer) => {
      chunks.push(chunk);
      length += chunk.byteLength;
      if (length >= limit) finish();
    });
    request.on("end", finish);
    request.on("error", finish);
    if (limit === 0) finish();
    return promise;
  }

  async #putManifest(
    repository: string,
    name: string,
    { request, response }: { readonly request: IncomingMessage; readonly response: ServerResponse },
  ): Promise<void> {
    const bytes = await this.#receive(request);
    const manifest = { bytes, mediaType: request.headers["content-type"] ?? "" };
    this.#registry.manifests.set(`${repository}${name.includes(":") ? "@" : ":"}${name}`, manifest);
    this.#registry.manifests.set(`${repository}@${digestOf(bytes)}`, manifest);
    const { subject } = JSON.parse(bytes.toString()) as { subject?: { digest: string } };
    const known = this.knowsSubjects && subject !== undefined ? { "oci-subject": subject.digest } : {};
    response.writeHead(201, { "docker-content-digest": digestOf(bytes), ...known }).end();
  }
}
