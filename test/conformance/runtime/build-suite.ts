import { cpSync, existsSync, mkdirSync, readdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { CACHE, copyGoModule, go } from "../go-module.ts";

/** The last that was released; go.mod beside this file pins what it needs, which it does not do itself. */
const MODULE = "github.com/opencontainers/runtime-tools";
const VERSION = "v0.9.0";

/** The validation suite of opencontainers/runtime-tools, built. */
export interface RuntimeSuite {
  /** Programs run here: the suite's root filesystem and its program for inside of containers are found beside them. */
  readonly folder: string;
  /** Names of its programs, `programs/<name>`. */
  readonly programs: readonly string[];
}

/** Downloads the suite as a Go module and builds it, a minute, unless the cache has it. Never a part of the repository. */
export function buildRuntimeSuite(): RuntimeSuite {
  const folder = join(CACHE, `runtime-tools-${VERSION}`);
  if (!existsSync(folder)) build(folder);
  return { folder, programs: readdirSync(join(folder, "programs")).sort() };
}

function build(folder: string): void {
  const making = `${folder}.${process.pid}`;
  copyGoModule(MODULE, VERSION, making);
  for (const name of ["go.mod", "go.sum"]) cpSync(join(import.meta.dirname, name), join(making, name));
  go(["build", "-tags", "netgo", "-ldflags", "-s -w", "-o", "runtimetest", "./cmd/runtimetest"], making);
  mkdirSync(join(making, "programs"));
  for (const name of readdirSync(join(making, "validation"))) {
    if (name !== "util" && !name.startsWith("."))
      go(["build", "-o", join("programs", name), `./validation/${name}`], making);
  }
  renameSync(making, folder);
}
