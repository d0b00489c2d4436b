import { posix } from "node:path";

/** A target as it is compared and recorded: without doubled or trailing slashes, `.` and `..`. */
export function normalTarget(target: string): string {
  const normal = posix.normalize(target);
  return normal.length > 1 && normal.endsWith("/") ? normal.slice(0, -1) : normal;
}
