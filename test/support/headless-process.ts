import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";

/** SYS_exit, which ends one thread. */
const EXIT = process.arch === "arm64" ? 93 : 60;

/**
 * A process whose first thread has ended, as in the middle of an exit, while another one goes on with all that it holds.
 *
 * @param work what that one does, in Perl; it has `args` in `@ARGV`.
 */
export async function spawnHeadless(work: string, ...args: readonly string[]): Promise<ChildProcess & Disposable> {
  const script = `threads->create(sub { ${work} }); syscall(${EXIT}, 0)`;
  const child = spawn("perl", ["-Mthreads", "-e", script, ...args], { stdio: "ignore" });
  while (!readFileSync(`/proc/${child.pid}/stat`, "utf8").includes(") Z ")) await Bun.sleep(5);
  return Object.assign(child, { [Symbol.dispose]: () => void child.kill("SIGKILL") });
}
