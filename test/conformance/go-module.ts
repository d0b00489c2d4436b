import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

/** Where suites are built and kept; may be deleted. */
export const CACHE = join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "gantry-conformance");

/** Downloads a Go module at a version and copies it, writable, to a folder that is new. */
export function copyGoModule(module: string, version: string, folder: string): void {
  mkdirSync(CACHE, { recursive: true });
  const { Dir } = JSON.parse(go(["mod", "download", "-json", `${module}@${version}`], CACHE)) as { Dir: string };
  rmSync(folder, { recursive: true, force: true });
  cpSync(Dir, folder, { recursive: true });
  spawnSync("chmod", ["-R", "u+w", folder]);
}

/** Runs `go`, and gives its output. */
export function go(args: readonly string[], cwd: string): string {
  const env = { ...process.env, CGO_ENABLED: "0", GO111MODULE: "on", GOFLAGS: "-mod=mod" };
  const result = spawnSync("go", [...args], { cwd, encoding: "utf8", env });
  if (result.error !== undefined)
    throw new Error("go is not installed: the suite is written in it (Debian: golang-go)");
  if (result.status !== 0) throw new Error(`go ${args.join(" ")} failed:\n${result.stderr || result.stdout}`);
  return result.stdout;
}
