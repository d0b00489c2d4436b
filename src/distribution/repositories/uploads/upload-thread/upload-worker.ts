import { createHash, type Hash } from "node:crypto";
import { ERRNO } from "../../../../platform/errno.ts";
import { SYS, syscall } from "../../../../platform/libc.ts";
import { releaseBytes } from "../../../../platform/release-bytes.ts";
import { workerPort } from "../../../../platform/worker.ts";
import { writeWholeSync } from "../../../../platform/write-whole.ts";
import type { UploadAnswer, UploadCall } from "./upload-protocol.ts";

/** The entry point of a thread of `UploadThread`. */
const port = workerPort();
const hashes = new Map<number, Hash>();

const MSG_DONTWAIT = 0x40;

/** Small enough to be in the processor's cache still when it is hashed and written. */
const RECEIVE_BYTES = 256 * 1024;
let buffer: Uint8Array | undefined;

type Write = Extract<UploadCall, { kind: "write" }>;

/** What has come at a connection by now. Empty also at its end, of which whoever reads it otherwise hears. */
function receive(fd: number, bytesMax: number): Uint8Array {
  buffer ??= new Uint8Array(RECEIVE_BYTES);
  for (;;) {
    const count = syscall(SYS.recvfrom, fd, buffer, Math.min(bytesMax, RECEIVE_BYTES), MSG_DONTWAIT, null, null);
    if (count !== -ERRNO.EINTR) return buffer.subarray(0, Math.max(0, count));
  }
}

/** The chunk of a call, then what there is at its place; each is told how many bytes are from there so far. */
function* chunksOf({ chunk, place }: Write): Generator<{ readonly bytes: Uint8Array; readonly takenBytes: number }> {
  yield { bytes: chunk, takenBytes: 0 };
  releaseBytes(chunk);
  if (place === undefined) return;
  for (let takenBytes = 0; ; ) {
    const bytes = receive(place.fd, place.bytesMax - takenBytes);
    if (bytes.byteLength === 0) return;
    takenBytes += bytes.byteLength;
    yield { bytes, takenBytes };
  }
}

function write(task: Write): UploadAnswer {
  const { call, fd } = task;
  const hash = hashes.get(task.hash) ?? createHash(task.algorithm);
  hashes.set(task.hash, hash);
  let { position } = task;
  let takenBytes = 0;
  try {
    for (const part of chunksOf(task)) {
      takenBytes = part.takenBytes;
      hash.update(part.bytes);
      writeWholeSync(fd, part.bytes, position);
      position += part.bytes.byteLength;
    }
    return { call, takenBytes };
  } catch (error) {
    const { message, code } = error as NodeJS.ErrnoException;
    return { call, takenBytes, problem: { message, ...(code === undefined ? {} : { code }) } };
  }
}

function digest({ call, hash }: Extract<UploadCall, { kind: "digest" }>): UploadAnswer {
  const hex = hashes.get(hash)?.digest("hex");
  hashes.delete(hash);
  return hex === undefined ? { call, problem: { message: "nobody has written to that hash" } } : { call, digest: hex };
}

port.onMessage((message) => {
  const task = message as UploadCall;
  if (task.kind === "drop") hashes.delete(task.hash);
  else port.post(task.kind === "write" ? write(task) : digest(task));
});
