import { createHash, type Hash } from "node:crypto";
import { releaseBytes } from "../../../platform/release-bytes.ts";
import { workerPort } from "../../../platform/worker.ts";
import { writeWhole } from "../../../platform/write-whole.ts";
import type { UploadAnswer, UploadCall } from "./upload-protocol.ts";

/** The entry point of the thread of `UploadThread`. */
const port = workerPort();
const hashes = new Map<number, Hash>();

async function answer(task: Exclude<UploadCall, { kind: "drop" }>): Promise<UploadAnswer> {
  const { call } = task;
  if (task.kind === "digest") {
    const digest = hashes.get(task.hash)?.digest("hex");
    hashes.delete(task.hash);
    return digest === undefined ? { call, problem: { message: "nobody has written to that hash" } } : { call, digest };
  }
  const hash = hashes.get(task.hash) ?? createHash(task.algorithm);
  hashes.set(task.hash, hash);
  const writing = writeWhole(task.fd, task.chunk, task.position);
  hash.update(task.chunk);
  try {
    await writing;
    return { call };
  } catch (error) {
    const { message, code } = error as NodeJS.ErrnoException;
    return { call, problem: { message, ...(code === undefined ? {} : { code }) } };
  } finally {
    releaseBytes(task.chunk);
  }
}

port.onMessage((message) => {
  const task = message as UploadCall;
  if (task.kind === "drop") hashes.delete(task.hash);
  else void answer(task).then((answered) => port.post(answered));
});
