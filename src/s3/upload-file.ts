import { createHash, type Hash } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import { GantryError } from "../errors/gantry-error.ts";
import { type Digest, digestAlgorithm } from "../oci/digest.ts";
import { finishDigest } from "../oci/hash-digest.ts";
import type { PartBuffers } from "./part-buffers.ts";
import { textOf } from "./read-xml.ts";
import { readText, type S3Connection, type S3Patience } from "./s3-connection.ts";
import { parseS3Failure, S3Error } from "./s3-error.ts";

export interface UploadFileOptions {
  readonly path: string;
  readonly sizeBytes: number;
  /** What its bytes hash to: they are read again, and damage since is found before anybody can see the object. */
  readonly digest: Digest;
  /** Where it goes. */
  readonly key: string;
  /** Larger files go in parts of their size. */
  readonly buffers: PartBuffers;
}

/** S3 takes no more parts of one object. */
const PARTS_MAX = 10_000;
const READ_BYTES = 1 << 20;
const ANSWER_BYTES_MAX = 1 << 20;

/**
 * Stores a file as an object. Nobody sees it before it is whole: an object appears at once, also one that went in parts. Each part is sent
 * with its SHA-256, which the other side checks.
 *
 * @throws S3Error, and `data-loss` if the file does not hash to `digest`; then there is no object, and no part of one if the bucket can still be asked.
 */
export async function uploadFile(connection: S3Connection, options: UploadFileOptions): Promise<void> {
  const file = await open(options.path, "r");
  try {
    const partBytes = options.buffers.sizeBytes;
    if (options.sizeBytes <= partBytes) await putWhole(connection, file, options);
    else
      await new PartedUpload(connection, file, options).run(
        Math.max(partBytes, Math.ceil(options.sizeBytes / PARTS_MAX)),
      );
  } finally {
    await file.close();
  }
}

async function putWhole(connection: S3Connection, file: FileHandle, options: UploadFileOptions): Promise<void> {
  const { key, digest } = options;
  using buffer = await options.buffers.take(options.sizeBytes);
  const whole = createHash(digestAlgorithm(digest));
  const part = await readPart(file, { start: 0, bytes: buffer.bytes }, whole);
  requireDigest(whole, digest);
  await connection.send(
    { method: "PUT", key, body: part.bytes, bodySha256: part.sha256, doing: `cannot store ${key}` },
    (response) => response.body?.cancel(),
  );
}

interface StoredPart {
  readonly number: number;
  readonly etag: string;
}

class PartedUpload {
  readonly #connection: S3Connection;
  readonly #file: FileHandle;
  readonly #options: UploadFileOptions;
  readonly #doing: string;

  constructor(connection: S3Connection, file: FileHandle, options: UploadFileOptions) {
    this.#connection = connection;
    this.#file = file;
    this.#options = options;
    this.#doing = `cannot store ${options.key}`;
  }

  async run(partBytes: number): Promise<void> {
    const uploadId = await this.#begin();
    const sending: Promise<StoredPart>[] = [];
    try {
      const whole = await this.#sendParts(uploadId, partBytes, sending);
      requireDigest(whole, this.#options.digest);
      await this.#complete(uploadId, await Promise.all(sending));
    } catch (error) {
      await Promise.allSettled(sending);
      // Once: what is left is given up with all that nobody ends, and who waits hears of the failure now.
      await abortUpload(this.#connection, { key: this.#options.key, uploadId }, { triesMax: 1 }).catch(() => undefined);
      throw error;
    }
  }

  async #begin(): Promise<string> {
    const { key } = this.#options;
    const request = { method: "POST", key, query: { uploads: "" }, doing: this.#doing } as const;
    const answer = await this.#connection.send(request, (response) => readText(response, ANSWER_BYTES_MAX));
    const uploadId = textOf(answer, "UploadId");
    if (uploadId !== undefined) return uploadId;
    throw new S3Error({ ...this.#asked(), status: 0, message: "it began no upload" });
  }

  /** Reads the parts one after the other, and sends several at once. @returns the hash of all of them */
  async #sendParts(uploadId: string, partBytes: number, sending: Promise<StoredPart>[]): Promise<Hash> {
    const { sizeBytes, digest, buffers } = this.#options;
    const whole = createHash(digestAlgorithm(digest));
    let hasFailed = false;
    for (let start = 0, number = 1; start < sizeBytes && !hasFailed; start += partBytes, number += 1) {
      const buffer = await buffers.take(Math.min(partBytes, sizeBytes - start));
      if (hasFailed) {
        buffer[Symbol.dispose]();
        break;
      }
      try {
        const part = await readPart(this.#file, { start, bytes: buffer.bytes }, whole);
        const sent = this.#sendPart(uploadId, number, part)
          .catch((error: unknown) => {
            hasFailed = true;
            throw error;
          })
          .finally(() => buffer[Symbol.dispose]());
        sent.catch(() => undefined);
        sending.push(sent);
      } catch (error) {
        buffer[Symbol.dispose]();
        throw error;
      }
    }
    await Promise.all(sending);
    return whole;
  }

  async #sendPart(uploadId: string, number: number, part: ReadPart): Promise<StoredPart> {
    const request = {
      method: "PUT",
      key: this.#options.key,
      query: { partNumber: String(number), uploadId },
      body: part.bytes,
      bodySha256: part.sha256,
      doing: this.#doing,
    } as const;
    const etag = await this.#connection.send(request, async (response) => {
      await response.body?.cancel();
      return response.headers.get("etag") ?? "";
    });
    return { number, etag };
  }

  async #complete(uploadId: string, parts: readonly StoredPart[]): Promise<void> {
    const { key } = this.#options;
    const list = parts.map(({ number, etag }) => {
      const quoted = etag.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
      return `<Part><PartNumber>${number}</PartNumber><ETag>${quoted}</ETag></Part>`;
    });
    const body = `<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${list.join("")}</CompleteMultipartUpload>`;
    try {
      await this.#connection.send(
        { method: "POST", key, query: { uploadId }, body, doing: this.#doing },
        async (response) => {
          // S3 answers 200 before it knows, and says in the body if it then failed (API reference, CompleteMultipartUpload).
          const text = await readText(response, ANSWER_BYTES_MAX);
          if (textOf(text, "Error") !== undefined)
            throw parseS3Failure(this.#asked(), { status: response.status, text });
        },
      );
    } catch (error) {
      // A try whose answer was lost may have done it.
      const isGone = error instanceof S3Error && error.s3Code === "NoSuchUpload";
      if (!isGone || (await sizeOfObject(this.#connection, key)) !== this.#options.sizeBytes) throw error;
    }
  }

  #asked(): { readonly doing: string; readonly bucket: string } {
    return { doing: this.#doing, bucket: this.#connection.bucket };
  }
}

/** The size of an object, or undefined if there is none. @throws S3Error */
export async function sizeOfObject(connection: S3Connection, key: string): Promise<number | undefined> {
  try {
    return await connection.send({ method: "HEAD", key, doing: `cannot look at ${key}` }, (response) =>
      Number(response.headers.get("content-length")),
    );
  } catch (error) {
    if (error instanceof S3Error && error.status === 404) return undefined;
    throw error;
  }
}

/** Gives up an upload in parts, and what came of it. @throws S3Error */
export async function abortUpload(
  connection: S3Connection,
  { key, uploadId }: { readonly key: string; readonly uploadId: string },
  patience: S3Patience = {},
): Promise<void> {
  const request = { method: "DELETE", key, query: { uploadId }, patience } as const;
  const doing = `cannot give up the upload of ${key}`;
  await connection.send({ ...request, doing }, (response) => response.body?.cancel());
}

interface ReadPart {
  readonly bytes: Uint8Array;
  readonly sha256: string;
}

async function readPart(
  file: FileHandle,
  { start, bytes }: { readonly start: number; readonly bytes: Uint8Array },
  whole: Hash,
): Promise<ReadPart> {
  const sizeBytes = bytes.byteLength;
  const hash = createHash("sha256");
  for (let done = 0; done < sizeBytes; ) {
    const { bytesRead } = await file.read(bytes, done, Math.min(READ_BYTES, sizeBytes - done), start + done);
    if (bytesRead === 0) throw new GantryError("data-loss", "a file became shorter while it was stored");
    const chunk = bytes.subarray(done, done + bytesRead);
    hash.update(chunk);
    whole.update(chunk);
    done += bytesRead;
  }
  return { bytes, sha256: hash.digest("hex") };
}

function requireDigest(whole: Hash, digest: Digest): void {
  const actual = finishDigest(whole, digestAlgorithm(digest));
  if (actual !== digest)
    throw new GantryError("data-loss", `${digest} was damaged on disk: its bytes hash to ${actual}`);
}
