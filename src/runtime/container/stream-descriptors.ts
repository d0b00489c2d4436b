import { readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { GantryError } from "../../errors/gantry-error.ts";

/** As runc calls it: images of one are restored by the other. */
const FILE = "descriptors.json";
const STREAMS = [0, 1, 2] as const;

/** What init's 0 to 2 are (`pipe:[4711]`): our own, but for those of a terminal, which is the container's. */
export function readOwnStreams(process: { readonly terminal?: boolean } | undefined): readonly string[] {
  return STREAMS.map((fd) => {
    try {
      return process?.terminal === true ? "/dev/null" : readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      return "";
    }
  });
}

/** Writes them beside the images: whoever restores the container gives it others in their place. */
export function writeDescriptors(folder: string, descriptors: readonly string[]): void {
  writeFileSync(join(folder, FILE), JSON.stringify(descriptors), { mode: 0o600 });
}

/** @throws `not-found` for a folder that has none: it holds no container. */
export function readDescriptors(folder: string): readonly string[] {
  const path = join(folder, FILE);
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    throw new GantryError("not-found", `there is no checkpoint of a container in ${folder}`, { cause: error });
  }
  if (!Array.isArray(value) || !value.every((one) => typeof one === "string"))
    throw new GantryError("data-loss", `${path} is not a list of texts`);
  return value;
}
