import { readFileSync } from "node:fs";
import { tmpdir } from "node:os";

const PLACES = [tmpdir(), "/tmp", "/run", "/var"];

/**
 * Lines of /proc/self/mountinfo, without what other tests, which run at the same time, have mounted in folders of theirs.
 *
 * @param folder the caller's own, whose mounts count
 */
export function hostMounts(folder: string): string[] {
  const isOthers = (line: string): boolean => PLACES.some((place) => line.includes(` ${place}/`));
  return readFileSync("/proc/thread-self/mountinfo", "utf8")
    .split("\n")
    .filter((line) => line.includes(folder) || !isOthers(line));
}
