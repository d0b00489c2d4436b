import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { CACHE, copyGoModule, go } from "../go-module.ts";

/** A plain program since after distribution-spec 1.1.1; it has no releases of its own. */
const MODULE = "github.com/opencontainers/distribution-spec/conformance";
const VERSION = "v0.0.0-20260831232431-97274622c111";

/** Downloads the suite as a Go module and builds it, unless the cache has it. @returns its program */
export function buildRegistrySuite(): string {
  const folder = join(CACHE, `distribution-spec-${VERSION}`);
  const program = join(folder, "conformance");
  if (existsSync(program)) return program;
  const making = `${folder}.${process.pid}`;
  copyGoModule(MODULE, VERSION, making);
  mkdirSync(join(making, "built"));
  go(["build", "-o", join("built", "conformance"), "."], making);
  rmSync(folder, { recursive: true, force: true });
  renameSync(join(making, "built"), folder);
  rmSync(making, { recursive: true, force: true });
  return program;
}
