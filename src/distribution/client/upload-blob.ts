import { GantryError, isGantryError } from "../../errors/gantry-error.ts";
import type { Descriptor } from "../../oci/image.ts";
import { readProblem } from "./registry-problem.ts";
import {
  pullScope,
  pushScope,
  type RegistryAnswer,
  type RegistryRequest,
  type RegistrySession,
} from "./registry-session.ts";
import { writeRefusal } from "./write-refusal.ts";

/** A blob to send. */
export interface BlobContent {
  readonly descriptor: Pick<Descriptor, "digest" | "size">;
  /** Its bytes from an offset on; asked again where an upload goes on. */
  open(offset: number): AsyncIterable<Uint8Array>;
}

export interface UploadBlobOptions {
  /** Repositories of the same registry that are thought to hold it, the best first. */
  readonly mountFrom?: readonly string[];
  /** Shows a registry of this very store that the blob is there: a header's name and value. @default it is sent as everywhere */
  readonly storeProof?: readonly [string, string] | undefined;
  /** Called with the bytes that have been sent so far. */
  readonly onProgress?: (sentBytes: number) => void;
  /** Called when the upload broke and goes on after `delayMs`. */
  readonly onRetry?: (delayMs: number) => void;
  readonly signal?: AbortSignal | undefined;
}

/** How a repository came to hold the blob. */
export type UploadedBlob =
  | { readonly status: "uploaded" }
  | { readonly status: "exists" }
  /** It is a row in the store that both share. */
  | { readonly status: "linked" }
  | { readonly status: "mounted"; readonly from: string };

interface Upload {
  readonly repository: string;
  readonly content: BlobContent;
}

/** What is smaller is sent in one piece. */
const SINGLE_BYTES_MAX = 256 * 1024;
/** A registry hashes and moves what it got before it answers. */
const COMMIT_TIMEOUT_MS = 10 * 60_000;
const MOUNTS_MAX = 4;
/** So many bytes more since the last break make it worth all tries again. */
const PROGRESS_BYTES = 1024 * 1024;
/** The registry does not know the upload any more, or has got other bytes of it than we think. */
const LOST_STATUSES: readonly number[] = [404, 416, 429];
const OCTETS = { "content-type": "application/octet-stream" };

/** As `RegistryClient.pushBlob`. */
export async function uploadBlob(
  session: RegistrySession,
  upload: Upload,
  options: UploadBlobOptions,
): Promise<UploadedBlob> {
  return await new BlobUpload(session, upload, options).run();
}

/** The way of one blob into a repository. */
class BlobUpload {
  readonly #session: RegistrySession;
  readonly #upload: Upload;
  readonly #options: UploadBlobOptions;

  constructor(session: RegistrySession, upload: Upload, options: UploadBlobOptions) {
    this.#session = session;
    this.#upload = upload;
    this.#options = options;
  }

  async run(): Promise<UploadedBlob> {
    if (await this.#exists()) return { status: "exists" };
    let location: URL | undefined;
    if (this.#options.storeProof !== undefined) {
      const linked = await this.#mount({ headers: Object.fromEntries([this.#options.storeProof]) });
      if (linked === true) return { status: "linked" };
      location = linked;
    }
    for (const from of (this.#options.mountFrom ?? []).slice(0, MOUNTS_MAX)) {
      if (location !== undefined) await this.#abandon(location);
      const mounted = await this.#mount({ from });
      if (mounted === true) return { status: "mounted", from };
      location = mounted;
    }
    await this.#send(location ?? (await this.#begin()));
    return { status: "uploaded" };
  }

  get #what(): string {
    return `blob ${this.#upload.content.descriptor.digest} to ${this.#session.host}/${this.#upload.repository}`;
  }

  async #request(request: Omit<RegistryRequest, "scope" | "signal"> & { scope?: string }): Promise<RegistryAnswer> {
    const { signal } = this.#options;
    return await this.#session.request({ scope: pushScope(this.#upload.repository), signal, ...request });
  }

  /** @param retried statuses that another try may mend. */
  async #refusal({ response }: RegistryAnswer, retried: readonly number[] = []): Promise<GantryError> {
    const body = this.#session.bodyOptions(this.#options.signal);
    const refusal = writeRefusal(this.#what, await readProblem(response, { what: this.#what, ...body }));
    return retried.includes(response.status) ? new GantryError("unavailable", refusal.message) : refusal;
  }

  async #exists(): Promise<boolean> {
    const { repository, content } = this.#upload;
    const { response } = await this.#request({
      target: `${repository}/blobs/${content.descriptor.digest}`,
      method: "HEAD",
    });
    await response.body?.cancel();
    // Whatever else it says, it says again, and why, when the upload begins.
    return response.ok;
  }

  /** True if it was taken from there; else where to upload, or undefined if the registry does not say. */
  async #mount(
    source: { readonly from: string } | { readonly headers: Readonly<Record<string, string>> },
  ): Promise<true | URL | undefined> {
    const { repository, content } = this.#upload;
    const from = "from" in source ? source.from : undefined;
    const query = new URLSearchParams({ mount: content.descriptor.digest, ...(from === undefined ? {} : { from }) });
    const answer = await this.#request({
      target: `${repository}/blobs/uploads/?${query}`,
      method: "POST",
      scope: from === undefined ? pushScope(repository) : `${pushScope(repository)} ${pullScope(from)}`,
      ...("headers" in source ? { headers: source.headers } : {}),
    });
    await answer.response.body?.cancel();
    if (answer.response.status === 201) return true;
    return answer.response.status === 202 ? this.#location(answer) : undefined;
  }

  async #begin(): Promise<URL> {
    const answer = await this.#request({ target: `${this.#upload.repository}/blobs/uploads/`, method: "POST" });
    if (answer.response.status !== 202) throw await this.#refusal(answer);
    await answer.response.body?.cancel();
    return this.#location(answer);
  }

  /** Where the registry wants the upload to go on; may be another host, which gets no credentials. */
  #location({ response, url }: RegistryAnswer): URL {
    const text = response.headers.get("location") ?? "";
    const location = text !== "" && URL.canParse(text, url.href) ? new URL(text, url) : undefined;
    const problem = (why: string, hint?: string): GantryError =>
      new GantryError(
        "unavailable",
        `cannot push ${this.#what}: the registry wants it sent ${why}`,
        hint === undefined ? {} : { hint },
      );
    if (location === undefined) throw problem("nowhere");
    if (location.protocol !== "https:" && location.protocol !== "http:")
      throw problem(`to a ${location.protocol} address`);
    if (url.protocol === "https:" && location.protocol === "http:") {
      throw problem(
        "over plain HTTP, though it speaks HTTPS",
        "if it is behind a proxy, that has to set X-Forwarded-Proto",
      );
    }
    return location;
  }

  async #abandon(location: URL): Promise<void> {
    const { response } = await this.#request({ target: location, method: "DELETE", isRetried: false });
    await response.body?.cancel();
  }

  /** Sends the bytes, as often as it takes: what the registry has got of them is not sent again. */
  async #send(begun: URL): Promise<void> {
    let next = { location: begun, offset: 0 };
    let failures = 0;
    for (;;) {
      try {
        return await this.#sendRest(next.location, next.offset);
      } catch (error) {
        const delayMs = isGantryError(error, "unavailable") ? this.#session.delayMs(failures++) : undefined;
        if (delayMs === undefined) throw error;
        this.#options.onRetry?.(delayMs);
        await this.#session.pause(delayMs, this.#options.signal);
        // What broke may have been the answer alone.
        if (await this.#exists()) return;
        const reached = await this.#reached(next.location);
        if (reached !== undefined && reached.offset - next.offset >= PROGRESS_BYTES) failures = 0;
        next = reached ?? { location: await this.#begin(), offset: 0 };
      }
    }
  }

  async #sendRest(location: URL, offset: number): Promise<void> {
    const { size } = this.#upload.content.descriptor;
    if (offset === size) return await this.#commit(location, new Uint8Array(0));
    if (size <= SINGLE_BYTES_MAX && offset === 0) return await this.#commit(location, await this.#wholeBuffered());
    return await this.#commit(await this.#sendFrom(location, offset), new Uint8Array(0));
  }

  /** How far the registry got; undefined if it has forgotten the upload. */
  async #reached(location: URL): Promise<{ readonly offset: number; readonly location: URL } | undefined> {
    const answer = await this.#request({ target: location, method: "GET" });
    await answer.response.body?.cancel();
    const [, last] = /^(?:bytes=)?0-(\d+)$/.exec(answer.response.headers.get("range") ?? "") ?? [];
    // "0-0" stands for one byte and, in Docker's registry, for none.
    if (!answer.response.ok || last === undefined || last === "0") return undefined;
    const offset = Number(last) + 1;
    if (offset > this.#upload.content.descriptor.size) return undefined;
    return { offset, location: answer.response.headers.has("location") ? this.#location(answer) : location };
  }

  async #sendFrom(location: URL, offset: number): Promise<URL> {
    const { size } = this.#upload.content.descriptor;
    const answer = await this.#request({
      target: location,
      method: "PATCH",
      headers: { ...OCTETS, "content-range": `${offset}-${size - 1}` },
      body: { sizeBytes: size - offset, open: () => this.#counted(offset) },
      isRetried: false,
    });
    if (answer.response.status !== 202 && answer.response.status !== 204) {
      throw await this.#refusal(answer, LOST_STATUSES);
    }
    await answer.response.body?.cancel();
    return this.#location(answer);
  }

  async *#counted(offset: number): AsyncGenerator<Uint8Array, void, undefined> {
    let sent = offset;
    for await (const chunk of this.#upload.content.open(offset)) {
      yield chunk;
      sent += chunk.byteLength;
      this.#options.onProgress?.(sent);
    }
  }

  async #wholeBuffered(): Promise<Uint8Array> {
    const chunks: Uint8Array[] = [];
    for await (const chunk of this.#counted(0)) chunks.push(chunk);
    return Buffer.concat(chunks);
  }

  /** Ends the upload; the registry compares the digest. */
  async #commit(location: URL, bytes: Uint8Array): Promise<void> {
    const { digest } = this.#upload.content.descriptor;
    const target = new URL(location);
    target.searchParams.set("digest", digest);
    const answer = await this.#request({
      target: target,
      method: "PUT",
      headers: OCTETS,
      body: bytes,
      isRetried: false,
      responseTimeoutMs: COMMIT_TIMEOUT_MS,
    });
    if (!answer.response.ok) throw await this.#refusal(answer, LOST_STATUSES);
    await answer.response.body?.cancel();
  }
}
