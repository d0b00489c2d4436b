import { setTimeout as sleep } from "node:timers/promises";
import { GantryError } from "../../errors/gantry-error.ts";
import { type Digest, digestAlgorithm, isDigest } from "../../oci/digest.ts";
import { digestOf } from "../../oci/hash-digest.ts";
import type { Descriptor } from "../../oci/image.ts";
import { MANIFEST_BYTES_MAX, type ManifestDocument, parseManifest } from "../../oci/manifest.ts";
import { MEDIA_TYPES } from "../../oci/media-types.ts";
import { familiarReference, familiarRepository, type Reference, withDefaultTag } from "../../oci/reference.ts";
import { Authorizer, type RegistryCredentials } from "./authorizer.ts";
import { type BlobSource, streamBlob } from "./blob-stream.ts";
import { cancelledError, exchange, type HttpResult } from "./http-exchange.ts";
import { type RegistryProblem, readProblem } from "./registry-problem.ts";
import { readBodyWithin } from "./response-body.ts";

export interface RegistryClientOptions {
  /** As references name it: `docker.io`, `localhost:5000`. */
  readonly host: string;
  /**
   * True if HTTPS with any certificate, and plain HTTP, will do. HTTPS is tried first.
   * @default false
   */
  readonly isInsecure?: boolean;
  readonly credentials?: RegistryCredentials | undefined;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /**
   * How long the registry may take to begin an answer.
   * @default 30_000
   */
  readonly responseTimeoutMs?: number;
  /**
   * How long the registry may send nothing in the middle of an answer.
   * @default 30_000
   */
  readonly stallTimeoutMs?: number;
  /**
   * The waits before each further try of what failed in passing (a broken connection, 429, 5xx); so many tries there are.
   * @default [500, 1500, 4000]
   */
  readonly retryDelaysMs?: readonly number[];
}

export interface ResolvedManifest {
  /** Media type, digest and size of `bytes`. */
  readonly descriptor: Descriptor;
  /** The document as the registry sent it, its digest verified. */
  readonly bytes: Uint8Array;
  readonly document: ManifestDocument;
}

export interface OpenBlobOptions {
  /**
   * Where to begin.
   * @default 0
   */
  readonly offset?: number;
  readonly signal?: AbortSignal | undefined;
  /** Called when the download broke and goes on after `delayMs`. */
  readonly onRetry?: (delayMs: number) => void;
}

interface GetOptions {
  readonly repository: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal | undefined;
}

/** The media types that a manifest may come in. */
const MANIFEST_TYPES: readonly string[] = [
  MEDIA_TYPES.ociIndex,
  MEDIA_TYPES.ociManifest,
  MEDIA_TYPES.dockerIndex,
  MEDIA_TYPES.dockerManifest,
];

/** Where a registry is that answers under another name. */
const ENDPOINTS: Readonly<Record<string, string>> = { "docker.io": "registry-1.docker.io" };
const TRANSIENT_STATUSES: ReadonlySet<number> = new Set([408, 429, 500, 502, 503, 504]);
const RETRY_AFTER_MAX_MS = 30_000;
const PROBE_TIMEOUT_MS = 5000;

/** Milliseconds of a `Retry-After` in seconds; a date is not worth a clock's trust. */
function retryAfterMs(response: Response): number | undefined {
  const text = response.headers.get("retry-after") ?? "";
  return /^\d{1,9}$/.test(text) ? Number(text) * 1000 : undefined;
}

/** Reads from one registry (OCI distribution-spec, pull). Holds tokens, and no connection or file of its own. */
export class RegistryClient {
  readonly host: string;
  readonly #options: Required<Omit<RegistryClientOptions, "credentials">>;
  readonly #authorizer: Authorizer;
  #base: Promise<URL> | undefined;

  constructor(options: RegistryClientOptions) {
    this.host = options.host;
    const defaults = {
      isInsecure: false,
      responseTimeoutMs: 30_000,
      stallTimeoutMs: 30_000,
      retryDelaysMs: [500, 1500, 4000],
    };
    this.#options = { ...defaults, ...options };
    this.#authorizer = new Authorizer({ ...this.#options, credentials: options.credentials });
  }

  /**
   * Gets a manifest or an index by digest if the reference has one, else by tag. The bytes are verified: against the digest
   * that was asked for, else against the one that the registry announces.
   *
   * @throws `not-found` in Docker's words, `permission-denied`, `unavailable`, `data-loss`, `cancelled`.
   */
  async resolve(
    reference: Reference,
    options: { readonly accept?: readonly string[]; readonly signal?: AbortSignal | undefined } = {},
  ): Promise<ResolvedManifest> {
    const { repository } = reference;
    const name = reference.digest ?? withDefaultTag(reference).tag ?? "";
    const response = await this.#get(`${repository}/manifests/${name}`, {
      repository,
      headers: { accept: (options.accept ?? MANIFEST_TYPES).join(", ") },
      signal: options.signal,
    });
    const body = { what: `manifest of ${familiarReference(reference)}`, ...this.#bodyOptions(options.signal) };
    if (!response.ok) throw this.#refusal(reference, await readProblem(response, body));
    const bytes = await readBodyWithin(response, MANIFEST_BYTES_MAX, body);
    const announced = response.headers.get("docker-content-digest") ?? "";
    const expected: Digest | undefined = reference.digest ?? (isDigest(announced) ? announced : undefined);
    const digest = digestOf(bytes, expected === undefined ? "sha256" : digestAlgorithm(expected));
    if (expected !== undefined && digest !== expected) {
      throw new GantryError(
        "data-loss",
        `registry ${this.host} sent a wrong manifest for ${familiarReference(reference)}: ${digest} instead of ${expected}`,
      );
    }
    const contentType = (response.headers.get("content-type") ?? "").split(";", 1)[0]?.trim() ?? "";
    const document = parseManifest(bytes, MANIFEST_TYPES.includes(contentType) ? contentType : "");
    return { descriptor: { mediaType: document.mediaType, digest, size: bytes.byteLength }, bytes, document };
  }

  /**
   * Opens a blob. What breaks in the middle is resumed where it broke. The stream has exactly the descriptor's size or
   * fails with `data-loss`; its digest is for the receiver to verify, which hashes it anyway.
   *
   * @throws `not-found` if the registry does not have it; `permission-denied`, `unavailable`, `cancelled`.
   */
  async openBlob(
    repository: string,
    descriptor: Descriptor,
    options: OpenBlobOptions = {},
  ): Promise<AsyncIterable<Uint8Array>> {
    const what = `blob ${descriptor.digest} from ${this.host}`;
    const source: BlobSource = async (offset) => {
      const response = await this.#get(`${repository}/blobs/${descriptor.digest}`, {
        repository,
        headers: offset === 0 ? {} : { range: `bytes=${offset}-` },
        signal: options.signal,
      });
      if (response.ok) return response;
      const problem = await readProblem(response, { what, ...this.#bodyOptions(options.signal) });
      throw new GantryError(
        response.status === 404 ? "not-found" : "unavailable",
        `cannot get ${what}: ${problem.text}`,
      );
    };
    return await streamBlob(source, {
      what,
      sizeBytes: descriptor.size,
      offset: options.offset ?? 0,
      retryDelaysMs: this.#options.retryDelaysMs,
      ...this.#bodyOptions(options.signal),
      ...(options.onRetry === undefined ? {} : { onRetry: options.onRetry }),
    });
  }

  #bodyOptions(signal: AbortSignal | undefined) {
    return { stallTimeoutMs: this.#options.stallTimeoutMs, signal };
  }

  #refusal(reference: Reference, problem: RegistryProblem): GantryError {
    const repository = familiarRepository(reference);
    const { status, code, text } = problem;
    if (status === 401 || status === 403 || code === "DENIED") {
      const message = `pull access denied for ${repository}, repository does not exist or may require 'docker login': ${text}`;
      return new GantryError("not-found", message);
    }
    if (code === "NAME_UNKNOWN") return new GantryError("not-found", `repository ${repository} not found: ${text}`);
    if (status === 404) {
      const why = code === "" ? "manifest unknown" : text;
      return new GantryError("not-found", `manifest for ${familiarReference(reference)} not found: ${why}`);
    }
    const message = `cannot get the manifest of ${familiarReference(reference)}: ${text}`;
    return new GantryError(status === 429 ? "exhausted" : "unavailable", message);
  }

  /** Where the registry answers; for an insecure one HTTPS if it speaks that, else plain HTTP (as Docker does). */
  #endpoint(signal: AbortSignal | undefined): Promise<URL> {
    this.#base ??= this.#findEndpoint(signal).catch((error) => {
      this.#base = undefined;
      throw error;
    });
    return this.#base;
  }

  async #findEndpoint(signal: AbortSignal | undefined): Promise<URL> {
    const { isInsecure, responseTimeoutMs } = this.#options;
    const secure = new URL(`https://${ENDPOINTS[this.host] ?? this.host}/v2/`);
    if (!isInsecure) return secure;
    const timeout = { responseTimeoutMs: Math.min(responseTimeoutMs, PROBE_TIMEOUT_MS) };
    const result = await exchange({ url: secure }, { isInsecure, signal, ...timeout });
    if ("failure" in result) return new URL(`http://${secure.host}/v2/`);
    await result.response.body?.cancel();
    return secure;
  }

  /** Gets a path below /v2/, with tokens and retries. Answers of any lasting status are returned. */
  async #get(path: string, options: GetOptions): Promise<Response> {
    const { repository, signal } = options;
    const scope = `repository:${repository}:pull`;
    const base = await this.#endpoint(signal);
    const url = new URL(path, base);
    let hasAnswered = false;
    for (let attempt = 0; ; ) {
      const authorization = this.#authorizer.header(scope);
      const headers = { ...options.headers, ...(authorization === undefined ? {} : { authorization }) };
      const { isInsecure, responseTimeoutMs } = this.#options;
      const result = await exchange({ url, headers }, { isInsecure, responseTimeoutMs, signal });
      if ("response" in result) {
        const { response } = result;
        // Only the registry itself may ask for credentials: where it redirects to gets none.
        if (response.status === 401 && !hasAnswered && result.url.origin === base.origin) {
          hasAnswered = true;
          this.#authorizer.forget(scope);
          const answer = await this.#authorizer.answer(response.headers.get("www-authenticate") ?? "", scope, signal);
          if (answer === undefined) return response;
          await response.body?.cancel();
          continue;
        }
        if (!TRANSIENT_STATUSES.has(response.status)) return response;
      }
      const delayMs = this.#delayMs(result, attempt++);
      if (delayMs === undefined) {
        if ("failure" in result) throw result.failure;
        return result.response;
      }
      if ("response" in result) await result.response.body?.cancel();
      await pause(delayMs, `request to registry ${this.host}`, signal);
    }
  }

  /** How long to wait before the next try; undefined to let it be. */
  #delayMs(result: HttpResult, attempt: number): number | undefined {
    const planned = this.#options.retryDelaysMs[attempt];
    if (planned === undefined) return undefined;
    if ("failure" in result) return result.isTransient ? planned : undefined;
    const wanted = retryAfterMs(result.response) ?? planned;
    return wanted > RETRY_AFTER_MAX_MS ? undefined : wanted;
  }
}

async function pause(delayMs: number, what: string, signal: AbortSignal | undefined): Promise<void> {
  try {
    await sleep(delayMs, undefined, signal === undefined ? {} : { signal });
  } catch (error) {
    if (signal?.aborted) throw cancelledError(what, signal);
    throw error;
  }
}
