import { setTimeout as delay } from "node:timers/promises";
import { AwsV4Signer } from "aws4fetch";
import { digestHex } from "../oci/digest.ts";
import { digestOf } from "../oci/hash-digest.ts";
import { jittered } from "../platform/backoff.ts";
import { parseS3Failure, S3Error } from "./s3-error.ts";

export interface S3Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

export interface S3ConnectionOptions {
  /** `https://s3.eu-central-1.amazonaws.com`: without the bucket, without a path. */
  readonly endpoint: string;
  readonly bucket: string;
  readonly region: string;
  /** True for `ENDPOINT/BUCKET/KEY`, false for `BUCKET.ENDPOINT/KEY`. */
  readonly isPathStyle: boolean;
  /** Asked for each request: keys are replaced while a server runs. */
  readonly credentials: () => S3Credentials;
  /** The waits before each further try. @default four tries within about four seconds */
  readonly retryDelaysMs?: readonly number[];
  /** Between 0 and 1: spreads the waits of those who were turned away together. @default no spread */
  readonly random?: () => number;
  /** How long an answer may take to begin, and a body in either direction may stand still. @default 20 s */
  readonly responseTimeoutMs?: number;
}

/** Less than the connection would have. */
export interface S3Patience {
  readonly triesMax?: number;
  readonly responseTimeoutMs?: number;
}

export interface S3Request {
  readonly method: "GET" | "HEAD" | "PUT" | "POST" | "DELETE";
  /** Letters, digits and `/._-` only. "" is the bucket itself. */
  readonly key: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string;
  /** The hexadecimal SHA-256 of the body, where it is known: the other side takes nothing else. @default computed */
  readonly bodySha256?: string;
  /** @default the connection's */
  readonly patience?: S3Patience;
  /** For error messages: `cannot store blobs/sha256/…`. */
  readonly doing: string;
}

export const RETRY_DELAYS_MS = [250, 1000, 3000] as const;
/** All tries together are over before a server's client, to whom nothing comes meanwhile, is given up. */
export const RESPONSE_TIMEOUT_MS = 20_000;
/** A body that is sent goes in pieces of this. */
const SENT_BYTES = 64 * 1024;
const ERROR_BYTES_MAX = 1 << 16;
const EMPTY_SHA256 = digestHex(digestOf(""));

/**
 * Requests to one bucket, signed (AWS Signature Version 4), with time limits, tried again with back-off.
 *
 * Bun's own client is not used: it sends bodies unsigned (`UNSIGNED-PAYLOAD`), so that nothing checks what arrives, it waits for a silent
 * server for ever, and a `503 SlowDown` is not tried again (measured with 1.4.5).
 */
export class S3Connection {
  readonly options: S3ConnectionOptions;

  constructor(options: S3ConnectionOptions) {
    this.options = options;
  }

  get bucket(): string {
    return this.options.bucket;
  }

  get responseTimeoutMs(): number {
    return this.options.responseTimeoutMs ?? RESPONSE_TIMEOUT_MS;
  }

  /**
   * Sends a request until it is answered well.
   *
   * @param read takes what it needs of the answer, within the same time and the same tries.
   * @throws S3Error
   */
  async send<T>(request: S3Request, read: (response: Response) => T | Promise<T>): Promise<T> {
    const delaysMs = this.options.retryDelaysMs ?? RETRY_DELAYS_MS;
    const retryDelaysMs = delaysMs.slice(0, (request.patience?.triesMax ?? Number.POSITIVE_INFINITY) - 1);
    for (let attempt = 0; ; attempt++) {
      try {
        return await this.#try(request, read);
      } catch (error) {
        const waitMs = retryDelaysMs[attempt];
        if (!(error instanceof S3Error) || !error.isTransient || waitMs === undefined) throw error;
        await delay(jittered(waitMs, this.options.random ?? (() => 1)));
      }
    }
  }

  async #try<T>(request: S3Request, read: (response: Response) => T | Promise<T>): Promise<T> {
    const asked = { doing: request.doing, bucket: this.bucket };
    const { url, method, headers } = await this.#sign(request);
    const abort = new AbortController();
    const waitMs = Math.min(this.responseTimeoutMs, request.patience?.responseTimeoutMs ?? Number.POSITIVE_INFINITY);
    const timer = setTimeout(() => abort.abort(), waitMs);
    try {
      const response = await fetch(url, {
        method,
        headers,
        redirect: "manual",
        signal: abort.signal,
        ...(request.body === undefined ? {} : { body: inPieces(request.body, () => timer.refresh()) }),
      });
      if (response.ok) return await read(response);
      throw parseS3Failure(asked, { status: response.status, text: await readText(response, ERROR_BYTES_MAX) });
    } catch (cause) {
      if (cause instanceof S3Error) throw cause;
      const message = abort.signal.aborted ? `no answer within ${Math.ceil(waitMs / 1000)} s` : undefined;
      throw new S3Error({ ...asked, status: 0, message, ...(abort.signal.aborted ? {} : { cause }) });
    } finally {
      clearTimeout(timer);
    }
  }

  async #sign(request: S3Request): Promise<{ url: URL; method: string; headers: Headers }> {
    const { body } = request;
    const sha256 = request.bodySha256 ?? (body === undefined ? EMPTY_SHA256 : digestHex(digestOf(body)));
    const signed = await new AwsV4Signer({
      ...this.#signing(),
      method: request.method,
      url: this.#url(request.key, request.query).href,
      headers: { ...request.headers, "x-amz-content-sha256": sha256 },
    }).sign();
    // A blob is its bytes: nobody packs them on the way.
    signed.headers.set("accept-encoding", "identity");
    // Of a stream nobody could tell.
    if (body !== undefined) signed.headers.set("content-length", String(Buffer.byteLength(body)));
    return { url: signed.url, method: signed.method, headers: signed.headers };
  }

  /** An address at which anybody may read an object for so long. */
  async presign(
    key: string,
    options: { readonly seconds: number; readonly answerHeaders: Readonly<Record<string, string>> },
  ): Promise<string> {
    const query = Object.fromEntries(
      Object.entries(options.answerHeaders).map(([name, value]) => [`response-${name}`, value]),
    );
    const url = this.#url(key, { ...query, "X-Amz-Expires": String(options.seconds) });
    return (await new AwsV4Signer({ ...this.#signing(), method: "GET", url: url.href, signQuery: true }).sign()).url
      .href;
  }

  #signing(): S3Credentials & { readonly service: "s3"; readonly region: string } {
    return { ...this.options.credentials(), service: "s3", region: this.options.region };
  }

  #url(key: string, query: Readonly<Record<string, string>> = {}): URL {
    const { endpoint, bucket, isPathStyle } = this.options;
    const url = new URL(endpoint);
    if (!isPathStyle) url.hostname = `${bucket}.${url.hostname}`;
    url.pathname = isPathStyle ? `/${bucket}/${key}`.replace(/\/$/, "") : `/${key}`;
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
    return url;
  }
}

/** A body that goes on as the other side takes it: a slow line has as long as it needs, one on which nothing moves has not. */
function inPieces(body: Uint8Array | string, onTaken: () => void): ReadableStream<Uint8Array> {
  const bytes = typeof body === "string" ? Buffer.from(body) : body;
  let sent = 0;
  return new ReadableStream({
    pull(controller) {
      onTaken();
      if (sent >= bytes.byteLength) return controller.close();
      controller.enqueue(bytes.subarray(sent, sent + SENT_BYTES));
      sent += SENT_BYTES;
    },
  });
}

/** The text of an answer, as far as it is to be read. */
export async function readText(response: Response, maxBytes: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const chunk of response.body ?? []) {
    chunks.push(chunk);
    sizeBytes += chunk.byteLength;
    if (sizeBytes >= maxBytes) break;
  }
  return Buffer.concat(chunks).subarray(0, maxBytes).toString("utf8");
}
