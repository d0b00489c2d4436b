import { closeSync, constants, fstatSync, mkdirSync, openSync } from "node:fs";
import { GantryError } from "../../errors/gantry-error.ts";
import type { RuntimeSpec } from "../../oci/runtime-spec.ts";
import type { CriuFlags } from "./checkpoint-flags.ts";
import type { CriuFolders } from "./common-options.ts";

/** The folders of one call, open. */
export interface OpenFolders extends CriuFolders, Disposable {
  /** Where criu's log is. */
  readonly logFolder: string;
}

function open(path: string, what: string): number {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
  } catch (error) {
    throw new GantryError("not-found", `cannot open ${what} ${path}`, { cause: error });
  }
}

function make(path: string, what: string, mode = 0o700): void {
  try {
    mkdirSync(path, { recursive: true, mode });
  } catch (error) {
    throw new GantryError("invalid-argument", `cannot make ${what} ${path}`, { cause: error });
  }
}

export function hasUserNamespace({ linux }: RuntimeSpec): boolean {
  return (linux?.namespaces ?? []).some(({ type }) => type === "user");
}

/** Others may go in, and read nothing: the files are root's. */
const ENTERED = 0o711;

export interface OpenFoldersOptions {
  /** The images' folder is made where it is missing: they are to be written. */
  readonly makesImages: boolean;
  /** Processes of a user namespace look for files there while they are restored. */
  readonly hasUsers: boolean;
}

export function openFolders(flags: CriuFlags, options: OpenFoldersOptions): OpenFolders {
  const { imagePath, workPath } = flags;
  const { makesImages, hasUsers } = options;
  if (makesImages) make(imagePath, "the folder for the images", hasUsers ? ENTERED : 0o700);
  const imagesDirFd = open(imagePath, "the folder of the images");
  if (hasUsers && !makesImages && (fstatSync(imagesDirFd).mode & 1) === 0) {
    closeSync(imagesDirFd);
    throw new GantryError(
      "permission-denied",
      `the user namespace cannot enter the folder of the images ${imagePath}`,
      {
        hint: "chmod 711 lets it in; the files in it stay root's",
      },
    );
  }
  let workDirFd: number | undefined;
  try {
    if (workPath !== undefined) {
      make(workPath, "the folder for logs");
      workDirFd = open(workPath, "the folder for logs");
    }
  } catch (error) {
    closeSync(imagesDirFd);
    throw error;
  }
  return {
    imagesDirFd,
    ...(workDirFd === undefined ? {} : { workDirFd }),
    logFolder: workPath ?? imagePath,
    [Symbol.dispose]: () => {
      closeSync(imagesDirFd);
      if (workDirFd !== undefined) closeSync(workDirFd);
    },
  };
}
