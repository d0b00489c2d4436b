import { closeSync, constants, openSync, readSync, rmSync, unlinkSync, writeSync } from "node:fs";
import { join } from "node:path";
import { formatError, GantryError } from "../../errors/gantry-error.ts";
import { SYS, syscall } from "../../platform/libc.ts";
import { explainFailure } from "../plan/explain-failure.ts";
import { destroyContainer, killInit } from "./destroy-container.ts";
import { planOfExplained } from "./explained-steps.ts";
import type { OpenContainer } from "./open-container.ts";
import { hookInput, runHook } from "./run-hooks.ts";
import { RESULT_FIFO, START_FIFO } from "./state-folder.ts";

const F_SETFL = 4;
/** native/gantry.h: `struct note`. */
const NOTE = { bytes: 260, step: 4, errno: 8, text: 12 } as const;

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error ? String(error.code) : undefined;
}

/** Says the word that init waits for. Of several who try, one does. */
function sayStart(fifo: string): void {
  let fd: number;
  try {
    fd = openSync(fifo, constants.O_WRONLY | constants.O_NONBLOCK);
  } catch (error) {
    // ENXIO: nobody waits for the word.
    if (codeOf(error) === "ENXIO")
      throw new GantryError("conflict", "cannot start a container that has stopped", { cause: error });
    if (codeOf(error) === "ENOENT") throw new GantryError("conflict", "cannot start an already running container");
    throw error;
  }
  try {
    unlinkSync(fifo);
    writeSync(fd, "x");
  } catch (error) {
    if (codeOf(error) === "ENOENT") throw new GantryError("conflict", "cannot start an already running container");
    throw error;
  } finally {
    closeSync(fd);
  }
}

/** Waits until init is its program (its end of the pipe is closed then) or says why it cannot be. */
function readResult(fd: number): Uint8Array {
  const bytes = new Uint8Array(4096);
  let length = 0;
  for (;;) {
    const count = readSync(fd, bytes, length, bytes.length - length, null);
    if (count === 0) return bytes.subarray(0, length);
    length += count;
  }
}

/**
 * Lets a created container's init execute its program, and runs the poststart hooks.
 *
 * @throws `conflict` when it is not created; what kept the program from being executed.
 */
export async function startContainer(container: OpenContainer, warn: (message: string) => void): Promise<void> {
  const { state } = container;
  const status = container.status();
  if (status === "stopped") throw new GantryError("conflict", "cannot start a container that has stopped");
  if (status !== "created") throw new GantryError("conflict", `cannot start an already running container`);
  const resultPath = join(state.folder, RESULT_FIFO);
  // Open before init is let go, which closes its end; without waiting for a writer, should it be gone already.
  const result = openSync(resultPath, constants.O_RDONLY | constants.O_NONBLOCK);
  let note: Uint8Array;
  try {
    sayStart(join(state.folder, START_FIFO));
    syscall(SYS.fcntl, result, F_SETFL, 0);
    note = readResult(result);
  } finally {
    closeSync(result);
    rmSync(resultPath, { force: true });
  }
  if (note.length >= NOTE.text) throw explain(container, note);
  await runPoststart(container, warn);
}

function explain({ state }: OpenContainer, note: Uint8Array): GantryError {
  const view = new DataView(note.buffer, note.byteOffset, note.byteLength);
  const text = Buffer.from(note.subarray(NOTE.text, NOTE.bytes)).toString("utf8").split("\0")[0] ?? "";
  const failure = explainFailure(planOfExplained(state.late.steps, state.late.from), {
    step: view.getUint32(NOTE.step, true),
    errno: view.getInt32(NOTE.errno, true),
    text,
  });
  return new GantryError(failure.code, `unable to start container process: ${formatError(failure)}`);
}

/** Whose failure ends the container (runtime.md, "Lifecycle", step 9). */
async function runPoststart(container: OpenContainer, warn: (message: string) => void): Promise<void> {
  const { state } = container;
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
