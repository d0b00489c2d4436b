import { closeSync, constants, mkdirSync, openSync } from "node:fs";
import { GantryError } from "../../errors/gantry-error.ts";
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

function make(path: string, what: string): void {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new GantryError("invalid-argument", `cannot make ${what} ${path}`, { cause: error });
  }
}

/** @param options.makesImages the images' folder is made where it is missing: they are to be written. */
export function openFolders(flags: CriuFlags, options: { readonly makesImages: boolean }): OpenFolders {
  const { imagePath, workPath } = flags;
  if (options.makesImages) make(imagePath, "the folder for the images");
  const imagesDirFd = open(imagePath, "the folder of the images");
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
