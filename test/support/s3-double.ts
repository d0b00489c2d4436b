import { createHash } from "node:crypto";
import type { S3ConnectionOptions } from "../../src/s3/s3-connection.ts";

/** A fault that the next matching request meets. */
export interface S3Fault {
  /** Matches `PUT /bucket/key?query`. */
  readonly at: RegExp;
  /** How many requests meet it. @default 1 */
  readonly times?: number;
  /** `refuse` answers with an error of S3; `silence` never answers; `cut` ends a body after so many bytes; `done` does it, and loses the answer. */
  readonly fault:
    | { readonly kind: "refuse"; readonly status: number; readonly code: string; readonly text?: string }
    | { readonly kind: "silence" }
    | { readonly kind: "cut"; readonly afterBytes: number }
    | { readonly kind: "done" };
}

/** How to speak to a double, which takes every key: what fails is tried once more, at once. */
export function doubleOptions(endpoint: string): S3ConnectionOptions {
  return {
    endpoint,
    bucket: "images",
    region: "us-east-1",
    isPathStyle: true,
    credentials: () => ({ accessKeyId: "id", secretAccessKey: "secret" }),
    retryDelaysMs: [1],
    responseTimeoutMs: 1000,
  };
}

interface Upload {
  readonly key: string;
  readonly parts: Map<number, Uint8Array>;
}

/**
 * A bucket in memory, for faults that no real server makes when it is asked to. It checks what S3 checks of a body: the SHA-256 that was
 * signed. Everything else about S3 is tried on a real server.
 */
export class S3Double implements Disposable {
  readonly objects = new Map<string, Uint8Array>();
  readonly uploads = new Map<string, Upload>();
  /** `PUT /bucket/key?query`, in order. */
  readonly requests: string[] = [];
  readonly #faults: { at: RegExp; times: number; fault: S3Fault["fault"] }[] = [];
  readonly #server: Bun.Server<undefined>;

  constructor() {
    this.#server = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      idleTimeout: 0,
      fetch: (request) => this.#answer(request),
    });
  }

  get endpoint(): string {
    return `http://127.0.0.1:${this.#server.port}`;
  }

  fail(fault: S3Fault): void {
    this.#faults.push({ times: 1, ...fault });
  }

  /** Nothing fails any more. */
  recover(): void {
    this.#faults.length = 0;
  }

  async #answer(request: Request): Promise<Response> {
    const url = new URL(request.url);
    const what = `${request.method} ${url.pathname}${url.search}`;
    const body = new Uint8Array(await request.arrayBuffer());
    this.requests.push(what);
    const met = this.#faults.find(({ at, times }) => times > 0 && at.test(what));
    if (met !== undefined) met.times -= 1;
    const fault = met?.fault;
    if (fault?.kind === "silence") await new Promise((resolve) => request.signal.addEventListener("abort", resolve));
    if (fault?.kind === "refuse") return refusal(fault.status, fault.code, fault.text);
    const hash = createHash("sha256").update(body).digest("hex");
    if (request.headers.get("x-amz-content-sha256") !== hash) return refusal(400, "XAmzContentSHA256Mismatch");
    const response = this.#perform(request, url, body);
    if (fault?.kind === "done") return refusal(500, "InternalError", "the answer was lost");
    if (fault?.kind !== "cut") return response;
    return new Response((await response.bytes()).slice(0, fault.afterBytes), { status: response.status });
  }

  #perform({ method, headers }: Request, url: URL, body: Uint8Array): Response {
    const [, , ...path] = url.pathname.split("/");
    const key = path.join("/");
    const query = url.searchParams;
    if (key === "") return query.has("uploads") ? this.#listUploads() : this.#list(query);
    if (query.has("uploads")) return this.#begin(key);
    const uploadId = query.get("uploadId");
    if (uploadId !== null) return this.#uploading(method, uploadId, { part: Number(query.get("partNumber")), body });
    switch (method) {
      case "PUT":
        if (headers.has("if-none-match") && this.objects.has(key)) return refusal(412, "PreconditionFailed");
        this.objects.set(key, body);
        return new Response(null);
      case "DELETE":
        this.objects.delete(key);
        return new Response(null, { status: 204 });
      default:
        return this.#get(key, method, headers.get("range"));
    }
  }

  #get(key: string, method: string, range: string | null): Response {
    const bytes = this.objects.get(key);
    if (bytes === undefined) return refusal(404, "NoSuchKey");
    if (method === "HEAD") return new Response(null, { headers: { "content-length": String(bytes.length) } });
    const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(range ?? "") ?? [];
    if (first === undefined) return new Response(bytes.slice());
    if (Number(first) >= bytes.length) return refusal(416, "InvalidRange");
    return new Response(bytes.slice(Number(first), Number(last) + 1), { status: 206 });
  }

  #list(query: URLSearchParams): Response {
    const keys = [...this.objects.keys()].filter((key) => key.startsWith(query.get("prefix") ?? "")).sort();
    const after = query.get("continuation-token") ?? "";
    const rest = keys.filter((key) => key > after);
    // Small pages, so that there are several.
    const page = rest.slice(0, 2);
    const isTruncated = rest.length > page.length;
    const token = isTruncated ? `<NextContinuationToken>${page.at(-1)}</NextContinuationToken>` : "";
    const items = page.map(
      (key) => `<Contents><Key>${key}</Key><Size>${this.objects.get(key)?.length}</Size></Contents>`,
    );
    return xml(
      `<ListBucketResult><IsTruncated>${isTruncated}</IsTruncated>${token}${items.join("")}</ListBucketResult>`,
    );
  }

  #listUploads(): Response {
    const items = [...this.uploads].map(
      ([id, { key }]) => `<Upload><Key>${key}</Key><UploadId>${id}</UploadId></Upload>`,
    );
    return xml(`<ListMultipartUploadsResult>${items.join("")}</ListMultipartUploadsResult>`);
  }

  #begin(key: string): Response {
    const id = `upload-${this.requests.length}`;
    this.uploads.set(id, { key, parts: new Map() });
    return xml(`<InitiateMultipartUploadResult><UploadId>${id}</UploadId></InitiateMultipartUploadResult>`);
  }

  #uploading(
    method: string,
    id: string,
    { part, body }: { readonly part: number; readonly body: Uint8Array },
  ): Response {
    const upload = this.uploads.get(id);
    if (upload === undefined) return refusal(404, "NoSuchUpload");
    if (method === "PUT") {
      upload.parts.set(part, body);
      return new Response(null, { headers: { etag: `"${part}"` } });
    }
    this.uploads.delete(id);
    if (method === "DELETE") return new Response(null, { status: 204 });
    const parts = [...upload.parts].sort(([left], [right]) => left - right).map(([, bytes]) => bytes);
    this.objects.set(upload.key, new Uint8Array(Buffer.concat(parts)));
    return xml("<CompleteMultipartUploadResult><ETag>&quot;x&quot;</ETag></CompleteMultipartUploadResult>");
  }

  [Symbol.dispose](): void {
    void this.#server.stop(true);
  }
}

function xml(text: string): Response {
  return new Response(`<?xml version="1.0" encoding="UTF-8"?>\n${text}`, {
    headers: { "content-type": "application/xml" },
  });
}

function refusal(status: number, code: string, text = "no &amp; no"): Response {
  const answer = xml(`<Error><Code>${code}</Code><Message>${text}</Message></Error>`);
  return new Response(answer.body, { status, headers: answer.headers });
}
