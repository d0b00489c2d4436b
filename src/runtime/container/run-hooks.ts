import { closeSync, readSync } from "node:fs";
import { GantryError } from "../../errors/gantry-error.ts";
import type { Hook } from "../../oci/runtime-spec.ts";
import { describeErrno } from "../../platform/errno.ts";
import { openMemoryFile } from "../../platform/memory-file.ts";
import type { ContainerState } from "./container-state.ts";

/** The container's state as others read it (runtime.md, "State"). */
export function hookInput(state: ContainerState, status: "creating" | "running" | "stopped"): string {
  const { bundle, id, spec } = state;
  const annotations = spec.annotations === undefined ? {} : { annotations: spec.annotations };
  const pid = status === "stopped" ? {} : { pid: state.init?.pid ?? 0 };
  return JSON.stringify({ ociVersion: spec.ociVersion, id, status, ...pid, bundle, ...annotations });
}

/** Variables from `NAME=value`; the first of a name counts, as for execve's reader. */
function environmentOf(hook: Hook): Record<string, string> {
  const variables: Record<string, string> = {};
  for (const entry of hook.env ?? []) {
    const at = entry.indexOf("=");
    const name = at < 0 ? entry : entry.slice(0, at);
    variables[name] ??= at < 0 ? "" : entry.slice(at + 1);
  }
  return variables;
}

const MAX_SAID_BYTES = 160;

interface HookOutput extends Disposable {
  readonly fd: number;
  beginning(): string;
}

function openHookOutput(): HookOutput {
  const fd = openMemoryFile("gantry-hook-output", new Uint8Array());
  if (fd < 0) throw new GantryError("internal", `cannot keep what a hook prints: ${describeErrno(-fd)}`);
  return {
    fd,
    beginning: () => {
      const bytes = Buffer.alloc(MAX_SAID_BYTES);
      return bytes.toString("utf8", 0, readSync(fd, bytes, 0, bytes.length, 0));
    },
    [Symbol.dispose]: () => closeSync(fd),
  };
}

/**
 * Runs one hook of the runtime's namespaces to its end.
 *
 * @param what names it: `hooks.poststop[0]`.
 * @throws `internal` when it cannot be executed, fails, or takes longer than it may.
 */
export async function runHook(hook: Hook, what: string, input: string): Promise<void> {
  // Few containers have hooks that run here.
  const { spawnSync } = await import("node:child_process");
  const [argv0 = hook.path, ...args] = hook.args ?? [];
  // A file, not pipes: it takes any amount, and nobody waits for the daemons that a hook leaves and that keep it open.
  using output = openHookOutput();
  const result = spawnSync(hook.path, args, {
    argv0,
    input,
    stdio: ["pipe", output.fd, output.fd],
    env: environmentOf(hook),
    killSignal: "SIGKILL",
    ...(hook.timeout === undefined ? {} : { timeout: hook.timeout * 1000 }),
  });
  const task = `cannot run the hook ${what} (${hook.path})`;
  if (result.error !== undefined) {
    const isLate = "code" in result.error && result.error.code === "ETIMEDOUT";
    throw new GantryError(
      "internal",
      `${task}: ${isLate ? `it took longer than ${hook.timeout} s` : result.error.message}`,
    );
  }
  if (result.status === 0) return;
  const said = output.beginning().trim();
  const how = result.signal === null ? `exit status ${result.status}` : `signal ${result.signal}`;
  throw new GantryError("internal", `${task}: ${how}${said === "" ? "" : `: ${said}`}`);
}
