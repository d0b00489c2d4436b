import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

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
  const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "gantry-conformance");
  const folder = join(cache, `runtime-tools-${VERSION}`);
  if (!existsSync(folder)) build(cache, folder);
  return { folder, programs: readdirSync(join(folder, "programs")).sort() };
}

function build(cache: string, folder: string): void {
  mkdirSync(cache, { recursive: true });
  const { Dir } = JSON.parse(go(["mod", "download", "-json", `${MODULE}@${VERSION}`], cache)) as { Dir: string };
  const making = `${folder}.${process.pid}`;
  rmSync(making, { recursive: true, force: true });
  cpSync(Dir, making, { recursive: true });
  spawnSync("chmod", ["-R", "u+w", making]);
  for (const name of ["go.mod", "go.sum"]) cpSync(join(import.meta.dirname, name), join(making, name));
  go(["build", "-tags", "netgo", "-ldflags", "-s -w", "-o", "runtimetest", "./cmd/runtimetest"], making);
  mkdirSync(join(making, "programs"));
  for (const name of readdirSync(join(making, "validation"))) {
    if (name !== "util" && !name.startsWith("."))
      go(["build", "-o", join("programs", name), `./validation/${name}`], making);
  }
  renameSync(making, folder);
}

function go(args: readonly string[], cwd: string): string {
  const env = { ...process.env, CGO_ENABLED: "0", GO111MODULE: "on", GOFLAGS: "-mod=mod" };
  const result = spawnSync("go", [...args], { cwd, encoding: "utf8", env });
  if (result.error !== undefined)
    throw new Error("go is not installed: the suite is written in it (Debian: golang-go)");
  if (result.status !== 0) throw new Error(`go ${args.join(" ")} failed:\n${result.stderr || result.stdout}`);
  return result.stdout;
}
