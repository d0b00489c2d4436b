import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "./command.ts";

const repository = join(import.meta.dir, "../..");
const CACHE = process.env.GANTRY_TEST_CACHE ?? "/var/cache/gantry-test";

/** The first commit with a daemon: no release may forget what that one wrote. */
function firstRelease(): string | undefined {
  const command = [
    "-C",
    repository,
    "log",
    "--reverse",
    "--format=%H",
    "--diff-filter=A",
    "--",
    "src/daemon/run-daemon.ts",
  ];
  const { status, stdout } = spawnSync("git", command, { encoding: "utf8" });
  const commit = status === 0 ? stdout.split("\n")[0] : "";
  const isWhole = spawnSync("git", ["-C", repository, "rev-parse", "--is-shallow-repository"], { encoding: "utf8" });
  return commit === "" || isWhole.stdout.trim() !== "false" ? undefined : commit;
}

/** Kept in the cache where it can be found again. */
export interface Release extends Disposable {
  readonly tree: string;
}

/**
 * A checkout of an earlier release, with its helper built: the oldest that the history has. Without a history (a shallow clone,
 * an archive) it is today's, whose helper leaves out what was added to its frames since.
 */
export async function previousRelease(): Promise<Release> {
  const commit = firstRelease();
  const tree = join(CACHE, commit === undefined ? `release-of-${process.pid}` : `release-${commit}`);
  const release = {
    tree,
    [Symbol.dispose]: () => (commit === undefined ? rmSync(tree, { recursive: true, force: true }) : undefined),
  };
  if (commit !== undefined && existsSync(tree)) return release;
  const making = `${tree}.${process.pid}.making`;
  rmSync(making, { recursive: true, force: true });
  mkdirSync(making, { recursive: true });
  if (commit === undefined) copyToday(making);
  else await run(["sh", "-c", `git -C "$1" archive "$2" | tar -x -C "$3"`, "sh", repository, commit, making]);
  symlinkSync(join(repository, "node_modules"), join(making, "node_modules"));
  await run([process.execPath, join(making, "scripts/build-native.ts")]);
  rmSync(tree, { recursive: true, force: true });
  renameSync(making, tree);
  return release;
}

function copyToday(tree: string): void {
  for (const name of ["src", "native", "scripts", "package.json"]) {
    cpSync(join(repository, name), join(tree, name), { recursive: true });
  }
  const header = join(tree, "native/gantry.h");
  writeFileSync(header, `#define GANTRY_WITHOUT_TIMES 1\n${readFileSync(header, "utf8")}`);
}
