import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Digest } from "../../src/oci/digest.ts";
import { digestOf } from "../../src/oci/hash-digest.ts";
import type { Descriptor, Platform } from "../../src/oci/image.ts";
import { MEDIA_TYPES } from "../../src/oci/media-types.ts";

/** Takes a request before the registry does; true if it has answered, or will. */
export type Intercept = (request: IncomingMessage, response: ServerResponse) => boolean;

export interface FakeImage {
  readonly manifest: Descriptor;
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
}

/** A registry in memory for tests, that can be made to misbehave in every way. Pull only. */
export class FakeRegistry {
  readonly blobs = new Map<string, Uint8Array>();
  /** By `repository:tag` and `repository@digest`. */
  readonly manifests = new Map<string, { readonly bytes: Uint8Array; readonly mediaType: string }>();
  /** `METHOD path`, in the order of arrival. */
  readonly requests: string[] = [];
  intercept: Intercept | undefined;
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(): Promise<FakeRegistry> {
    const server = createServer();
    const registry = new FakeRegistry(server);
    server.on("request", (request, response) => registry.#answer(request, response));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return registry;
  }

  get host(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  addBlob(bytes: Uint8Array, mediaType: string): Descriptor {
    const digest = digestOf(bytes);
    this.blobs.set(digest, bytes);
    return { mediaType, digest, size: bytes.byteLength };
  }

  addManifest(name: string, document: object, mediaType: string = MEDIA_TYPES.ociManifest): Descriptor {
    const [repository = "", tag = ""] = name.split(":");
    const bytes = new TextEncoder().encode(JSON.stringify(document));
    const digest = digestOf(bytes);
    this.manifests.set(`${repository}:${tag}`, { bytes, mediaType });
    this.manifests.set(`${repository}@${digest}`, { bytes, mediaType });
    return { mediaType, digest, size: bytes.byteLength };
  }

  /** Adds an image of layers that are given as they travel, with the diff IDs that its config shall claim. */
  addImage(
    name: string,
    layers: readonly { readonly bytes: Uint8Array; readonly diffId: Digest; readonly mediaType?: string }[],
    platform: Platform = { os: "linux", architecture: "amd64" },
  ): FakeImage {
    const rootfs = { type: "layers", diff_ids: layers.map((layer) => layer.diffId) };
    const document = { ...platform, config: { Cmd: ["/bin/true"] }, rootfs };
    const config = this.addBlob(new TextEncoder().encode(JSON.stringify(document)), MEDIA_TYPES.ociConfig);
    const descriptors = layers.map((layer) => this.addBlob(layer.bytes, layer.mediaType ?? MEDIA_TYPES.ociLayerGzip));
    const mediaType = MEDIA_TYPES.ociManifest;
    const manifest = this.addManifest(name, { schemaVersion: 2, mediaType, config, layers: descriptors });
    return { manifest, config, layers: descriptors };
  }

  [Symbol.dispose](): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const path = request.url ?? "";
    this.requests.push(`${request.method} ${path}`);
    if (this.intercept?.(request, response)) return;
    if (path === "/v2/") {
      response.end("{}");
      return;
    }
    const [, repository = "", kind = "", name = ""] = /^\/v2\/(.+)\/(manifests|blobs)\/([^/]+)$/.exec(path) ?? [];
    if (kind === "blobs") {
      this.#sendBlob(request, response, this.blobs.get(name));
      return;
    }
    const manifest = this.manifests.get(`${repository}${name.includes(":") ? "@" : ":"}${name}`);
    if (manifest === undefined) {
      refuse(response, 404, "MANIFEST_UNKNOWN", "manifest unknown");
      return;
    }
    response.setHeader("content-type", manifest.mediaType);
    response.setHeader("docker-content-digest", digestOf(manifest.bytes));
    response.end(manifest.bytes);
  }

  #sendBlob(request: IncomingMessage, response: ServerResponse, bytes: Uint8Array | undefined): void {
    if (bytes === undefined) {
      refuse(response, 404, "BLOB_UNKNOWN", "blob unknown to registry");
      return;
    }
    const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0);
    if (start > 0) {
      response.setHeader("content-range", `bytes ${start}-${bytes.byteLength - 1}/${bytes.byteLength}`);
      response.statusCode = 206;
    }
    response.setHeader("content-length", bytes.byteLength - start);
    response.end(bytes.subarray(start));
  }
}

/** Answers with an error as registries write them. */
export function refuse(response: ServerResponse, status: number, code: string, message: string): void {
  response.statusCode = status;
  response.setHeader("content-type", "application/json");
  response.end(JSON.stringify({ errors: [{ code, message }] }));
}
