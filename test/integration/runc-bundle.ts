import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { RuntimeSpec } from "../../src/oci/runtime-spec.ts";

/** A bundle with a copy of a root filesystem, and what runc makes of it. */
export class RuncBundle {
  readonly rootfs: string;
  readonly #directory: string;

  constructor(directory: string, root: string) {
    mkdirSync(directory);
    this.#directory = directory;
    this.rootfs = join(directory, "rootfs");
    spawnSync("cp", ["-a", root, this.rootfs]);
  }

  run(spec: RuntimeSpec): { readonly stdout: string; readonly stderr: string } {
    writeFileSync(join(this.#directory, "config.json"), JSON.stringify({ ...spec, root: { path: "rootfs" } }));
    const { stdout, stderr } = spawnSync("runc", ["run", "--bundle", this.#directory, `gantry-${process.pid}`], {
      encoding: "utf8",
    });
    return { stdout, stderr };
  }
}
