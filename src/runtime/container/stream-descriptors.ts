import { closeSync, constants, fstatSync, openSync, readFileSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { GantryError, isGantryError } from "../../errors/gantry-error.ts";

/** As runc calls it: images of one are restored by the other. */
const FILE = "descriptors.json";
const STREAMS = [0, 1, 2] as const;
const MAX_BYTES = 64 * 1024;

/** What 0 to 2 of a process are (`pipe:[4711]`), but for those of a terminal, which is the container's. */
export function readStreams(
  pid: number | "self",
  process: { readonly terminal?: boolean } | undefined,
): readonly string[] {
  return STREAMS.map((fd) => {
    try {
      return process?.terminal === true ? "/dev/null" : readlinkSync(`/proc/${pid}/fd/${fd}`);
    } catch {
      return "";
    }
  });
}

/** Writes them beside the images: whoever restores the container gives it others in their place. */
export function writeDescriptors(folder: string, descriptors: readonly string[]): void {
  const path = join(folder, FILE);
  rmSync(path, { force: true });
  // Not where a link leads.
  writeFileSync(path, JSON.stringify(descriptors), { mode: 0o600, flag: "wx" });
}

/** Of a stranger's folder: no link is followed, and nobody is waited for. */
function readBounded(path: string): string {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const about = fstatSync(fd);
    if (!about.isFile() || about.size > MAX_BYTES)
      throw new GantryError("data-loss", `${path} is no file of at most ${MAX_BYTES} bytes`);
    return readFileSync(fd, "utf8");
  } finally {
    closeSync(fd);
  }
}

/**
 * At most three: a fourth would name the socket on which criu is asked, and those after it namespaces of the host's.
 *
 * @throws `not-found` for a folder that has none: it holds no container. `data-loss` for what is no such list.
 */
export function readDescriptors(folder: string): readonly string[] {
  const path = join(folder, FILE);
  let value: unknown;
  try {
    value = JSON.parse(readBounded(path));
  } catch (error) {
    if (isGantryError(error)) throw error;
    throw new GantryError("not-found", `there is no checkpoint of a container in ${folder}`, { cause: error });
  }
  if (!Array.isArray(value) || value.length > STREAMS.length || !value.every((one) => typeof one === "string"))
    throw new GantryError("data-loss", `${path} is not a list of at most ${STREAMS.length} texts`);
  return value;
}
