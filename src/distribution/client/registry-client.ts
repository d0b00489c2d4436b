import { GantryError } from "../../errors/gantry-error.ts";
import { type Digest, digestAlgorithm, isDigest } from "../../oci/digest.ts";
import { digestOf } from "../../oci/hash-digest.ts";
import type { Descriptor } from "../../oci/image.ts";
import { MANIFEST_BYTES_MAX, type ManifestDocument, parseManifest } from "../../oci/manifest.ts";
import { MEDIA_TYPES } from "../../oci/media-types.ts";
import {
  DEFAULT_REGISTRY,
  familiarReference,
  familiarRepository,
  type Reference,
  withDefaultTag,
} from "../../oci/reference.ts";
import { type BlobSource, streamBlob } from "./blob-stream.ts";
import { deleteManifest } from "./delete-manifest.ts";
import { listPages } from "./list-pages.ts";
import { type PutManifestOptions, putManifest } from "./put-manifest.ts";
import { type ReferrersOptions, readReferrers } from "./referrers.ts";
import { type RegistryProblem, readProblem } from "./registry-problem.ts";
import { pullScope, RegistrySession, type RegistrySessionOptions } from "./registry-session.ts";
import { readBodyWithin } from "./response-body.ts";
import { type BlobContent, type UploadBlobOptions, type UploadedBlob, uploadBlob } from "./upload-blob.ts";

export type RegistryClientOptions = RegistrySessionOptions;

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

interface SignalOption {
  readonly signal?: AbortSignal | undefined;
}

/** The media types that a manifest may come in. */
const MANIFEST_TYPES: readonly string[] = [
  MEDIA_TYPES.ociIndex,
  MEDIA_TYPES.ociManifest,
  MEDIA_TYPES.dockerIndex,
  MEDIA_TYPES.dockerManifest,
];

/** Docker's registry answers searches under another name. */
const SEARCH_ADDRESS = new URL("https://index.docker.io/v1/");

function mediaTypeOf(response: Response): string {
  return (response.headers.get("content-type") ?? "").split(";", 1)[0]?.trim() ?? "";
}

/** Reads from and writes to one registry (OCI distribution-spec). Holds tokens, and no connection or file of its own. */
export class RegistryClient {
  readonly host: string;
  readonly #session: RegistrySession;

  constructor(options: RegistryClientOptions) {
    this.host = options.host;
    this.#session = new RegistrySession(options);
  }

  /**
   * Gets a manifest or an index by digest if the reference has one, else by tag. The bytes are verified: against the digest
   * that was asked for, else against the one that the registry announces.
   *
   * @throws `not-found` in Docker's words, `permission-denied`, `unavailable`, `data-loss`, `cancelled`.
   */
  async resolve(
    reference: Reference,
    options: SignalOption & { readonly accept?: readonly string[] } = {},
  ): Promise<ResolvedManifest> {
    const { response } = await this.#session.request({
      target: this.#manifestPath(reference),
      scope: pullScope(reference.repository),
      headers: { accept: (options.accept ?? MANIFEST_TYPES).join(", ") },
      signal: options.signal,
    });
    const body = { what: `manifest of ${familiarReference(reference)}`, ...this.#session.bodyOptions(options.signal) };
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
    const contentType = mediaTypeOf(response);
    const document = parseManifest(bytes, MANIFEST_TYPES.includes(contentType) ? contentType : "");
    return { descriptor: { mediaType: document.mediaType, digest, size: bytes.byteLength }, bytes, document };
  }

  /**
   * What a tag or a digest stands for, without its content; undefined if it is not there, or if the registry does not say.
   *
   * @throws `permission-denied`, `unavailable`, `cancelled`.
   */
  async describe(reference: Reference, options: SignalOption = {}): Promise<Descriptor | undefined> {
    const { response } = await this.#session.request({
      method: "HEAD",
      target: this.#manifestPath(reference),
      scope: pullScope(reference.repository),
      headers: { accept: MANIFEST_TYPES.join(", ") },
      signal: options.signal,
    });
    await response.body?.cancel();
    if (response.status === 404) return undefined;
    if (!response.ok) {
      const problem = { status: response.status, code: "", text: `the registry answered ${response.status}` };
      throw this.#refusal(reference, problem);
    }
    const digest = reference.digest ?? response.headers.get("docker-content-digest") ?? "";
    const size = Number(response.headers.get("content-length") ?? Number.NaN);
    if (!isDigest(digest) || !Number.isSafeInteger(size)) return undefined;
    return { mediaType: mediaTypeOf(response), digest, size };
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
    const bodyOptions = this.#session.bodyOptions(options.signal);
    const source: BlobSource = async (offset) => {
      const { response } = await this.#session.request({
        target: `${repository}/blobs/${descriptor.digest}`,
        scope: pullScope(repository),
        headers: offset === 0 ? {} : { range: `bytes=${offset}-` },
        signal: options.signal,
      });
      if (response.ok) return response;
      const problem = await readProblem(response, { what, ...bodyOptions });
      throw new GantryError(
        response.status === 404 ? "not-found" : "unavailable",
        `cannot get ${what}: ${problem.text}`,
      );
    };
    return await streamBlob(source, {
      what,
      sizeBytes: descriptor.size,
      offset: options.offset ?? 0,
      delayMs: (attempt) => this.#session.delayMs(attempt),
      ...bodyOptions,
      ...(options.onRetry === undefined ? {} : { onRetry: options.onRetry }),
    });
  }

  /**
   * Makes a repository hold a blob: nothing is sent if it holds it, or can take it from another repository of the registry. An
   * upload that breaks goes on where it broke. Verified by the registry. Idempotent.
   *
   * @throws `permission-denied`, `unavailable`, `data-loss`, `cancelled`; whatever reading the content throws.
   */
  pushBlob(repository: string, content: BlobContent, options: UploadBlobOptions = {}): Promise<UploadedBlob> {
    return uploadBlob(this.#session, { repository, content }, options);
  }

  /**
   * Stores a manifest or an index under a tag or its digest, byte for byte. All that it refers to has to be there before. One with a
   * `subject` becomes one of its referrers, also in a registry that knows no referrers (by the tag schema). Idempotent.
   *
   * @throws `permission-denied`, `unavailable`, `data-loss`, `cancelled`.
   */
  putManifest(reference: Reference, options: PutManifestOptions): Promise<Descriptor> {
    return putManifest(this.#session, { reference, ...options });
  }

  /**
   * Takes a tag away, or a manifest with all of its tags (distribution-spec, "Content Management").
   *
   * @param reference has a tag or a digest
   * @throws `not-found`, `permission-denied`, `unavailable`, `cancelled`; `unsupported` of registries that do not.
   */
  deleteManifest(reference: Reference, options: SignalOption = {}): Promise<void> {
    return deleteManifest(this.#session, reference, options.signal);
  }

  /**
   * What refers to a manifest (signatures, attestations, bills of material): of registries that have no such list, what the
   * tag schema has (distribution-spec, "Listing Referrers"). Nothing is an empty list.
   *
   * @throws `permission-denied`, `unavailable`, `data-loss`, `cancelled`.
   */
  referrers(repository: string, digest: Digest, options: ReferrersOptions = {}): Promise<readonly Descriptor[]> {
    return readReferrers(this.#session, { repository, digest }, options);
  }

  /** The tags of a repository in the registry's order, page by page. @throws `not-found`, `permission-denied`, `unavailable`. */
  tags(repository: string, options: SignalOption = {}): AsyncIterable<string> {
    const what = `tags of ${this.host}/${repository}`;
    const list = { target: `${repository}/tags/list`, scope: pullScope(repository), key: "tags", what };
    return listPages(this.#session, list, options);
  }

  /** The repositories of a registry that lists them. @throws `not-found`, `permission-denied`, `unavailable`. */
  repositories(options: SignalOption = {}): AsyncIterable<string> {
    const what = `catalogue of ${this.host}`;
    const list = { target: "_catalog", scope: "registry:catalog:*", key: "repositories", what };
    return listPages(this.#session, list, options);
  }

  /**
   * Finds out if the registry takes the credentials.
   *
   * @returns the identity token to keep in the password's place, if it gave one.
   * @throws `permission-denied` if it does not; `unavailable`, `cancelled`.
   */
  async logIn(options: SignalOption = {}): Promise<{ readonly identityToken?: string }> {
    const { response } = await this.#session.request({ target: "", scope: "", signal: options.signal });
    if (!response.ok) {
      const what = `answer of ${this.host}`;
      const { status, text } = await readProblem(response, { what, ...this.#session.bodyOptions(options.signal) });
      const code = status === 401 || status === 403 ? "permission-denied" : "unavailable";
      throw new GantryError(code, `cannot log in to ${this.host}: ${text}`);
    }
    await response.body?.cancel();
    const { identityToken } = this.#session;
    return identityToken === undefined ? {} : { identityToken };
  }

  /**
   * Asks the search that came with version 1 of Docker's registry API.
   *
   * @returns the answer's JSON; undefined if the registry has no search.
   */
  async search(term: string, options: SignalOption & { readonly limit: number }): Promise<unknown> {
    const base =
      this.host === DEFAULT_REGISTRY ? SEARCH_ADDRESS : new URL("/v1/", await this.#session.base(options.signal));
    const target = new URL(`search?${new URLSearchParams({ q: term, n: String(options.limit) })}`, base);
    const { response } = await this.#session.request({ target, scope: "", signal: options.signal });
    const body = { what: `answer of ${this.host} to a search`, ...this.#session.bodyOptions(options.signal) };
    if (response.ok) {
      const bytes = await readBodyWithin(response, MANIFEST_BYTES_MAX, body);
      try {
        return JSON.parse(new TextDecoder().decode(bytes));
      } catch {
        return undefined; // A page for people.
      }
    }
    const { status, text } = await readProblem(response, body);
    if ([400, 404, 405, 410, 501].includes(status)) return undefined;
    const code = status === 401 || status === 403 ? "permission-denied" : "unavailable";
    throw new GantryError(code, `cannot search registry ${this.host}: ${text}`);
  }

  #manifestPath(reference: Reference): string {
    return `${reference.repository}/manifests/${reference.digest ?? withDefaultTag(reference).tag ?? ""}`;
  }

  #refusal(reference: Reference, problem: RegistryProblem): GantryError {
    const repository = familiarRepository(reference);
    const { status, code, text } = problem;
    if (status === 401 || status === 403 || code === "DENIED") {
      const message = `pull access denied for ${repository}, repository does not exist or may require 'docker login': ${text}`;
      // Registries that hide what is private say the same of what is not there; whoever knows better looks at the cause.
      return new GantryError("not-found", message, { cause: new GantryError("permission-denied", text) });
    }
    if (code === "NAME_UNKNOWN") return new GantryError("not-found", `repository ${repository} not found: ${text}`);
    if (status === 404) {
      const why = code === "" ? "manifest unknown" : text;
      return new GantryError("not-found", `manifest for ${familiarReference(reference)} not found: ${why}`);
    }
    const message = `cannot get the manifest of ${familiarReference(reference)}: ${text}`;
    return new GantryError(status === 429 ? "exhausted" : "unavailable", message);
  }
}
