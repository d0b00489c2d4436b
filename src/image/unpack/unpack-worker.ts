import { formatError, GantryError } from "../../errors/gantry-error.ts";
import { workerPort } from "../../platform/worker.ts";
import { packLayerToFile } from "../pack-layer.ts";
import { applyLayer } from "./apply-layer.ts";
import { ByteWindow } from "./byte-window.ts";
import { finishLayer } from "./finish-layer.ts";
import { readFilePieces, receiveLayer } from "./receive-layer.ts";
import { removeTree } from "./remove-tree.ts";
import { splitArchive } from "./split-archive.ts";
import type { FromWorker, ToWorker, WorkerTask } from "./worker-protocol.ts";

/** The entry point of the threads of `LayerWorkers`. */
const port = workerPort();
const PROGRESS_BYTES = 1 << 18;
/** How many decompressed bytes may be on their way to the thread that unpacks them. */
const HANDED_ON_BYTES = 8 << 20;

let queue: Uint8Array[] = [];
let isEnded = false;
let wake: (() => void) | undefined;
let handedOn = new ByteWindow(HANDED_ON_BYTES);

function post(message: FromWorker): void {
  port.post(message);
}

/** What `chunk` messages bring. Each piece is confirmed once it is taken on, so that the sender stays within its window. */
async function* incoming(): AsyncGenerator<Uint8Array, void> {
  for (;;) {
    const bytes = queue.shift();
    if (bytes !== undefined) {
      post({ kind: "taken", bytes: bytes.length });
      yield bytes;
    } else if (isEnded) {
      return;
    } else {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  }
}

function progress(): (bytes: number) => void {
  let told = 0;
  return (bytes) => {
    if (bytes - told < PROGRESS_BYTES) return;
    told = bytes;
    post({ kind: "progress", bytes });
  };
}

/** A piece may be a part of a buffer that is used again: what goes is a copy. */
async function handOn(piece: Uint8Array): Promise<void> {
  const bytes = new Uint8Array(piece);
  await handedOn.acquire(bytes.byteLength);
  port.post({ kind: "unpacked", bytes } satisfies FromWorker, [bytes.buffer]);
}

async function perform(task: WorkerTask): Promise<unknown> {
  switch (task.kind) {
    case "receive":
      return await receiveLayer(task, task.sourcePath === undefined ? incoming() : readFilePieces(task.sourcePath), {
        onProgress: progress(),
        handOn,
      });
    case "apply":
      return await applyLayer(incoming(), task.directory, { limits: task.limits });
    case "finish":
      return finishLayer(task.directory, task.lower, task.work);
    case "remove":
      return removeTree(task.path);
    case "split":
      return await splitArchive(task, incoming());
    case "pack":
      return await packLayerToFile(task);
  }
}

async function run(task: WorkerTask): Promise<void> {
  queue = [];
  isEnded = false;
  handedOn = new ByteWindow(HANDED_ON_BYTES);
  try {
    post({ kind: "done", result: await perform(task) });
  } catch (error) {
    if (error instanceof GantryError) {
      const cause = error.cause === undefined ? {} : { cause: formatError(error.cause) };
      const hint = error.hint === undefined ? {} : { hint: error.hint };
      post({ kind: "failed", code: error.code, message: error.message, ...hint, ...cause });
    } else {
      post({ kind: "failed", code: "internal", message: `cannot ${task.kind} a layer: ${formatError(error)}` });
    }
  }
}

port.onMessage((message) => {
  const to = message as ToWorker;
  if (to.kind === "task") {
    void run(to.task);
    return;
  }
  if (to.kind === "room") {
    handedOn.release(to.bytes);
    return;
  }
  if (to.kind === "chunk") queue.push(to.bytes);
  else isEnded = true;
  wake?.();
});
