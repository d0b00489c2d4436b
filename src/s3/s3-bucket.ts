import { PartBuffers } from "./part-buffers.ts";
import { type ByteSpan, readObject } from "./read-object.ts";
import { elementsOf, textOf } from "./read-xml.ts";
import { readText, S3Connection, type S3ConnectionOptions, type S3Patience, type S3Request } from "./s3-connection.ts";
import { S3Error } from "./s3-error.ts";
import { abortUpload, sizeOfObject, type UploadFileOptions, uploadFile } from "./upload-file.ts";

export interface S3Object {
  readonly key: string;
  readonly sizeBytes: number;
}

export interface S3BucketOptions extends S3ConnectionOptions {
  /** How many parts are in memory at once, among all uploads. @default 4 */
  readonly partsAtOnce?: number;
  /** Larger files go in parts of this. @default 8 MiB; S3 wants 5 MiB at least */
  readonly partBytes?: number;
}

const PARTS_AT_ONCE = 4;
const PART_BYTES = 8 << 20;
const LIST_BYTES_MAX = 16 << 20;
const SMALL_BYTES_MAX = 1 << 16;

/** Objects in one bucket of an S3 server. Everything throws S3Error when the bucket cannot be used. */
export class S3Bucket {
  readonly #connection: S3Connection;
  readonly #buffers: PartBuffers;
  /** Keys whose files are on their way. */
  readonly #uploading = new Set<string>();

  constructor(options: S3BucketOptions) {
    this.#connection = new S3Connection(options);
    this.#buffers = new PartBuffers(options.partsAtOnce ?? PARTS_AT_ONCE, options.partBytes ?? PART_BYTES);
  }

  get name(): string {
    return this.#connection.bucket;
  }

  /** See `uploadFile`. Of one key one after the other. */
  async upload(file: Omit<UploadFileOptions, "buffers">): Promise<void> {
    this.#uploading.add(file.key);
    try {
      await uploadFile(this.#connection, { ...file, buffers: this.#buffers });
    } finally {
      this.#uploading.delete(file.key);
    }
  }

  /** See `readObject`. */
  read(key: string, span: ByteSpan): AsyncGenerator<Uint8Array, undefined> {
    return readObject(this.#connection, key, span);
  }

  /** The size of an object, or undefined if there is none. */
  async size(key: string): Promise<number | undefined> {
    return await sizeOfObject(this.#connection, key);
  }

  /** Removes an object. Idempotent. */
  async remove(key: string): Promise<void> {
    const request = { method: "DELETE", key, doing: `cannot remove ${key}` } as const;
    await this.#connection.send(request, (response) => response.body?.cancel());
  }

  /** A small object as text, or undefined if there is none. */
  async readSmall(key: string, patience: S3Patience = {}): Promise<string | undefined> {
    try {
      const request = { method: "GET", key, doing: `cannot read ${key}`, patience } as const;
      return await this.#connection.send(request, (response) => readText(response, SMALL_BYTES_MAX));
    } catch (error) {
      if (error instanceof S3Error && error.s3Code === "NoSuchKey") return undefined;
      throw error;
    }
  }

  /** Stores a small object, unless there is one already: then, on a server that knows conditions, it is left alone. */
  async createSmall(key: string, text: string): Promise<void> {
    try {
      await this.#putSmall({ key, text, headers: { "if-none-match": "*" } });
    } catch (error) {
      if (!(error instanceof S3Error) || (error.status !== 412 && error.status !== 501)) throw error;
      // What does not know a condition may refuse it, or ignore it.
      if (error.status === 501) await this.#putSmall({ key, text });
    }
  }

  /** Stores a small object in the place of the one that is there. */
  async writeSmall(key: string, text: string, patience: S3Patience = {}): Promise<void> {
    await this.#putSmall({ key, text, patience });
  }

  async #putSmall({
    key,
    text,
    ...how
  }: { readonly key: string; readonly text: string } & Pick<S3Request, "headers" | "patience">): Promise<void> {
    const request = { method: "PUT", key, body: text, doing: `cannot store ${key}`, ...how } as const;
    await this.#connection.send(request, async (response) => await response.body?.cancel());
  }

  /** The objects whose keys begin so, page by page, in the order of keys. */
  async *list(prefix: string): AsyncGenerator<readonly S3Object[], undefined> {
    for (let token: string | undefined = ""; token !== undefined; ) {
      const query = { "list-type": "2", prefix, ...(token === "" ? {} : { "continuation-token": token }) };
      const answer = await this.#listing(query);
      yield elementsOf(answer, "Contents").map((item) => ({
        key: textOf(item, "Key") ?? "",
        sizeBytes: Number(textOf(item, "Size")),
      }));
      token = textOf(answer, "IsTruncated") === "true" ? textOf(answer, "NextContinuationToken") : undefined;
    }
  }

  /** Gives up the uploads in parts that somebody began below a prefix and did not end, but for keys whose files are on their way. */
  async abortUploads(prefix: string): Promise<void> {
    const answer = await this.#listing({ uploads: "", prefix });
    for (const upload of elementsOf(answer, "Upload")) {
      const key = textOf(upload, "Key") ?? "";
      const uploadId = textOf(upload, "UploadId") ?? "";
      if (!this.#uploading.has(key)) await abortUpload(this.#connection, { key, uploadId });
    }
  }

  async #listing(query: Readonly<Record<string, string>>): Promise<string> {
    const request = { method: "GET", key: "", query, doing: "cannot list objects" } as const;
    return await this.#connection.send(request, (response) => readText(response, LIST_BYTES_MAX));
  }

  /** An address at which anybody may read an object for so long. */
  async presign(
    key: string,
    options: { readonly seconds: number; readonly answerHeaders: Readonly<Record<string, string>> },
  ): Promise<string> {
    return await this.#connection.presign(key, options);
  }
}
