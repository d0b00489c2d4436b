import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { clearHost } from "../../test/support/clear-host.ts";
import { runToEnd } from "../alternate.ts";
import type { EnginePeer } from "./peer.ts";

/** The packaged program with a root of its own, its daemon started. */
export function startGantry(archive: string): EnginePeer & { readonly socketPath: string } {
  const folder = mkdtempSync(join(tmpdir(), "gb-"));
  const program = join(import.meta.dir, "../../dist/gantry");
  const state = join(folder, "run");
  const environment = { GANTRY_ROOT: join(folder, "root"), GANTRY_STATE: state, GANTRY_HOST: "" };
  const command = [program];
  const pid = (): number => Number(readFileSync(join(state, "gantry.pid"), "utf8"));
  runToEnd([...command, "load", "-q", "-i", archive], environment);
  return {
    name: "gantry",
    version: runToEnd([...command, "version", "--format", "{{.Server.Version}}"], environment).trim(),
    command,
    environment,
    image: "busybox",
    daemons: () => [pid()],
    supervisor: "gantry-helper",
    socketPath: join(state, "gantry.sock"),
    async [Symbol.asyncDispose]() {
      const ids = runToEnd([...command, "ps", "-aq"], environment)
        .split("\n")
        .filter(Boolean);
      if (ids.length > 0) runToEnd([...command, "rm", "-f", ...ids], environment);
      const daemon = pid();
      process.kill(daemon, "SIGTERM");
      while (isThere(daemon)) await Bun.sleep(10);
      await clearHost(environment.GANTRY_ROOT);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
