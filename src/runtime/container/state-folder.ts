import { chmodSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { GantryError } from "../../errors/gantry-error.ts";

export const STATE_FILE = "state.json";
/** Init waits until somebody writes into the first; why it then cannot execute its program comes through the second. */
export const START_FIFO = "exec.fifo";
export const RESULT_FIFO = "exec.result";

/** @throws `invalid-argument` for what is no name of a container (runc: libcontainer/factory_linux.go). */
export function checkId(id: string): void {
  if (!/^[\w+.-]{1,1024}$/.test(id) || id === "." || id === "..")
    throw new GantryError("invalid-argument", `invalid container ID format: ${JSON.stringify(id)}`, {
      hint: "letters, digits and + _ . - make an ID",
    });
}

export function stateFolder(root: string, id: string): string {
  return join(root, id);
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error ? String(error.code) : undefined;
}

function cannotMake(folder: string, error: unknown): GantryError {
  const reason = error instanceof Error ? error.message : String(error);
  return new GantryError("invalid-argument", `cannot make the state folder ${folder}: ${reason}`, {
    hint: "see --root",
    cause: error,
  });
}

function makeRoot(root: string): void {
  try {
    mkdirSync(root, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw cannotMake(root, error);
  }
}

/** Takes an ID: of several who try, one does. @throws `already-exists` */
export function makeStateFolder(root: string, id: string): string {
  const folder = stateFolder(root, id);
  try {
    mkdirSync(folder, { mode: 0o711 });
  } catch (error) {
    if (codeOf(error) === "EEXIST")
      throw new GantryError("already-exists", `container with given ID already exists: ${id}`);
    if (codeOf(error) !== "ENOENT") throw cannotMake(folder, error);
    makeRoot(root);
    return makeStateFolder(root, id);
  }
  chmodSync(folder, 0o711);
  return folder;
}

/** Whole, or as it was before. */
export function writeStateFile(folder: string, text: string): void {
  const temporary = join(folder, `.${STATE_FILE}.new`);
  writeFileSync(temporary, text, { mode: 0o644 });
  renameSync(temporary, join(folder, STATE_FILE));
}

/** Idempotent. */
export function removeStateFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
}

/** The IDs below a root; none where there is no root. */
export function listIds(root: string): readonly string[] {
  try {
    return readdirSync(root, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name)
      .sort();
  } catch (error) {
    if (codeOf(error) === "ENOENT") return [];
    throw error;
  }
}
