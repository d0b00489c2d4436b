import { formatError, GantryError } from "../../errors/gantry-error.ts";
import { describeErrno, ERRNO } from "../../platform/errno.ts";
import { SYS, syscall } from "../../platform/libc.ts";
import { closeRawFile, OPEN, openRawFile, readRawFile, removeRawFile, writeRawText } from "../../platform/raw-file.ts";
import { destroyContainer, killInit } from "./destroy-container.ts";
import type { FoundContainer } from "./find-container.ts";
import { RESULT_FIFO, START_FIFO } from "./state-folder.ts";

const F_SETFL = 4;
/** native/gantry.h: `struct note`. */
const NOTE = { bytes: 260, step: 4, errno: 8, text: 12 } as const;

function isRunning(): GantryError {
  return new GantryError("conflict", "cannot start an already running container");
}

function cannotStart(id: string, failure: number): GantryError {
  return new GantryError("internal", `cannot start container "${id}": ${describeErrno(-failure)}`);
}

/**
 * Says the word that init waits for, then takes the fifo away: killed in between we leave a container that runs. Of several
 * who try, one does: who takes it away.
 */
function sayStart(fifo: string, id: string): void {
  const fd = openRawFile(fifo, OPEN.writeOnly | OPEN.nonBlocking);
  // ENXIO: nobody waits for the word any more.
  if (fd === -ERRNO.ENOENT || fd === -ERRNO.ENXIO) throw isRunning();
  if (fd < 0) throw cannotStart(id, fd);
  const said = writeRawText(fd, "x");
  closeRawFile(fd);
  if (said === -ERRNO.EPIPE || removeRawFile(fifo) === -ERRNO.ENOENT) throw isRunning();
  if (said < 0) throw cannotStart(id, said);
}

/** Waits until init is its program (its end of the pipe is closed then) or says why it cannot be. */
function readResult(fd: number, id: string): Uint8Array {
  syscall(SYS.fcntl, fd, F_SETFL, 0);
  const bytes = readRawFile(fd);
  if (typeof bytes === "number") throw cannotStart(id, bytes);
  return bytes;
}

/**
 * Lets a created container's init execute its program, and runs the poststart hooks.
 *
 * @throws `conflict` when it is not created; what kept the program from being executed.
 */
export async function startContainer(container: FoundContainer, warn: (message: string) => void): Promise<void> {
  const { folder, id } = container.record;
  const status = await container.status();
  if (status === "stopped") throw new GantryError("conflict", "cannot start a container that has stopped");
  if (status !== "created") throw isRunning();
  const resultPath = `${folder}/${RESULT_FIFO}`;
  // Open before init is let go, which closes its end; without waiting for a writer, should it be gone already.
  const result = openRawFile(resultPath, OPEN.readOnly | OPEN.nonBlocking);
  if (result < 0) throw result === -ERRNO.ENOENT ? isRunning() : cannotStart(id, result);
  let note: Uint8Array;
  try {
    sayStart(`${folder}/${START_FIFO}`, id);
    note = readResult(result, id);
  } finally {
    closeRawFile(result);
  }
  removeRawFile(resultPath);
  if (note.length >= NOTE.text) throw await explain(container, note);
  await runPoststart(container, warn);
}

async function explain({ record }: FoundContainer, note: Uint8Array): Promise<GantryError> {
  const [{ explainFailure }, { planOfExplained }] = await Promise.all([
    import("../plan/explain-failure.ts"),
    import("./explained-steps.ts"),
  ]);
  const view = new DataView(note.buffer, note.byteOffset, note.byteLength);
  const text = new TextDecoder().decode(note.subarray(NOTE.text, NOTE.bytes)).split("\0")[0] ?? "";
  const failure = explainFailure(planOfExplained(record.late.steps, record.late.from), {
    step: view.getUint32(NOTE.step, true),
    errno: view.getInt32(NOTE.errno, true),
    text,
  });
  return new GantryError(failure.code, `unable to start container process: ${formatError(failure)}`);
}

/** Whose failure ends the container (runtime.md, "Lifecycle", step 9). */
async function runPoststart(container: FoundContainer, warn: (message: string) => void): Promise<void> {
  if ((container.record.config.hooks?.poststart ?? []).length === 0) return;
  const [{ state }, { hookInput, runHook }] = await Promise.all([container.open(), import("./run-hooks.ts")]);
  for (const [index, hook] of (state.spec.hooks?.poststart ?? []).entries()) {
    try {
      await runHook(hook, `hooks.poststart[${index}]`, hookInput(state, "running"));
    } catch (error) {
      killInit(state);
      await destroyContainer(container, warn);
      throw error;
    }
  }
}
