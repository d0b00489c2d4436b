import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Resources } from "../../oci/runtime-spec.ts";
import { stringifyExact } from "../cgroup/exact-json.ts";
import { parseResources } from "../spec/parse-runtime-spec.ts";

export const RESOURCES_FILE = "resources.json";

/** What `update` has made of a container's resources; undefined when it has not. */
export function readUpdated(folder: string): Resources | undefined {
  let text: string;
  try {
    text = readFileSync(join(folder, RESOURCES_FILE), "utf8");
  } catch {
    return undefined;
  }
  return parseResources(text, RESOURCES_FILE);
}

/** Whole, or as it was before. */
export function writeUpdated(folder: string, resources: Resources): void {
  const temporary = join(folder, `.${RESOURCES_FILE}.new`);
  writeFileSync(temporary, stringifyExact(resources as unknown as Parameters<typeof stringifyExact>[0]), {
    mode: 0o600,
  });
  renameSync(temporary, join(folder, RESOURCES_FILE));
}
