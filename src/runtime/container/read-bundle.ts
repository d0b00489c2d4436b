import { readFileSync, realpathSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { GantryError } from "../../errors/gantry-error.ts";
import type { RuntimeSpec } from "../../oci/runtime-spec.ts";
import { describeErrno } from "../../platform/errno.ts";
import { parseRuntimeSpec } from "../spec/parse-runtime-spec.ts";

const CONFIG = "config.json";

export interface Bundle {
  readonly path: string;
  /** The text of `config.json`. */
  readonly config: string;
  readonly spec: RuntimeSpec;
  /** Absolute. */
  readonly rootfs: string;
}

function reason(error: unknown): string {
  const errno = error instanceof Error && "errno" in error ? Number(error.errno) : Number.NaN;
  return Number.isNaN(errno) ? String(error) : describeErrno(Math.abs(errno)).replace(/^\w+: /, "");
}

/**
 * Reads a bundle: its configuration, and where its root filesystem is.
 *
 * @param path absolute.
 * @throws `not-found` without a configuration or a root filesystem, `invalid-argument` for a configuration that is wrong.
 */
export function readBundle(path: string): Bundle {
  let config: string;
  try {
    config = readFileSync(join(path, CONFIG), "utf8");
  } catch (error) {
    const isMissing = error instanceof Error && "code" in error && error.code === "ENOENT";
    throw new GantryError(
      "not-found",
      isMissing
        ? `JSON specification file ${CONFIG} not found in the bundle ${path}`
        : `cannot read ${join(path, CONFIG)}: ${reason(error)}`,
      isMissing ? { hint: "`gantry runtime spec` writes one" } : {},
    );
  }
  const spec = parseRuntimeSpec(config, CONFIG);
  if (spec.root === undefined) throw new GantryError("invalid-argument", "root: missing in config.json");
  const rootfs = resolve(realpathSync.native(path), spec.root.path);
  checkRootfs(rootfs);
  return { path, config, spec, rootfs };
}

/** What a link leads to may be another when the container is made, so runc refuses links (libcontainer/configs/validate). */
function checkRootfs(rootfs: string): void {
  let isDirectory: boolean;
  let real: string;
  try {
    isDirectory = statSync(rootfs).isDirectory();
    real = realpathSync.native(rootfs);
  } catch (error) {
    throw new GantryError("not-found", `invalid rootfs: stat ${rootfs}: ${reason(error)}`);
  }
  if (real !== rootfs)
    throw new GantryError("invalid-argument", `invalid rootfs: a symbolic link leads from ${rootfs} to ${real}`, {
      hint: "name the folder itself in root.path",
    });
  if (!isDirectory) throw new GantryError("invalid-argument", `invalid rootfs: ${rootfs} is not a directory`);
}
