import { chmodSync, mkdirSync, readdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { errorCode } from "../../errors/error-code.ts";
import { GantryError } from "../../errors/gantry-error.ts";
import { STATE_FILE, stateFolder } from "./state-folder.ts";

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
    if (errorCode(error) === "EEXIST")
      throw new GantryError("already-exists", `container with given ID already exists: ${id}`);
    if (errorCode(error) !== "ENOENT") throw cannotMake(folder, error);
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

/** The IDs below a root; none where there is no root. */
export function listIds(root: string): readonly string[] {
  try {
    return readdirSync(root, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name)
      .sort();
  } catch (error) {
    if (errorCode(error) === "ENOENT") return [];
    throw error;
  }
}
