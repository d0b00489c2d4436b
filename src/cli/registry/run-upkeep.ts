import type { RegistryApi } from "../../api/engine-api.ts";
import type { RegistryUpkeepNotice, RegistryUpkeepRequest } from "../../api/registry.ts";
import { Caller } from "../../client/caller.ts";
import { registryCalls } from "../../client/registry-calls.ts";
import { GantryError } from "../../errors/gantry-error.ts";
import { isDaemonGone } from "../across-restarts.ts";
import type { CommandContext } from "../command.ts";
import { textFlag } from "../flags/flag.ts";
import { resolveHostPath } from "../values/host-path.ts";
import { connectToOwner } from "./connect-to-owner.ts";

/** Of every command that looks after what a registry keeps. */
export const UPKEEP_FLAGS = {
  config: textFlag("The registry.toml to go by (default that of the registry that is served)"),
  root: textFlag("The registry's root: who serves it is asked; where nobody does, it is done here"),
} as const;

export type UpkeepResult = Exclude<RegistryUpkeepNotice, { readonly kind: "line" | "warning" | "failed" }>;

/**
 * Asks whoever owns the root for a task of upkeep, a registry or a daemon, or does it here where nobody does, and prints its lines.
 *
 * @returns what it came to
 */
export async function runUpkeep(
  context: CommandContext,
  request: RegistryUpkeepRequest,
  flags: { readonly config: string | undefined; readonly root: string | undefined },
): Promise<UpkeepResult> {
  const { terminal } = context;
  const ended = new AbortController();
  using _signals = terminal.onSignals(["SIGINT", "SIGTERM"], () => ended.abort());
  const { config, root = context.settings.root } = flags;
  const whole = { ...request, ...(config === undefined ? {} : { Config: resolveHostPath(config, terminal) }) };
  let result: UpkeepResult | undefined;
  let failure: string | undefined;
  let written: Promise<void> = Promise.resolve();
  const tell = (notice: RegistryUpkeepNotice): void => {
    if (notice.kind === "line") written = written.then(() => terminal.stdout.write(`${notice.line}\n`));
    else if (notice.kind === "warning")
      written = written.then(() => terminal.stderr.write(`gantry: ${notice.sentence}\n`));
    else if (notice.kind === "failed") failure = notice.sentence;
    else result = notice;
  };
  const listening = { tell, signal: ended.signal };
  const path = root === undefined ? undefined : resolveHostPath(root, terminal);
  const isDone =
    path !== undefined && ((await runAlone(path, whole, listening)) || (await askRegistry(path, whole, listening)));
  if (!isDone) await ask(await connectToOwner(context, path, HINT), whole, listening);
  await written;
  if (result !== undefined) return result;
  if (ended.signal.aborted) throw new GantryError("cancelled", "ended before it was done");
  if (failure !== undefined) throw new GantryError("unavailable", failure);
  throw new GantryError("unavailable", "the registry ended before it was done", {
    hint: "the same command goes on with it",
  });
}

const HINT =
  "if that begins, ends or is such a command itself, try again in a moment; if it is a daemon, name its --state or --host";

interface Listening {
  readonly tell: (notice: RegistryUpkeepNotice) => void;
  readonly signal: AbortSignal;
}

/** @returns false if a process has the root */
async function runAlone(root: string, request: RegistryUpkeepRequest, listening: Listening): Promise<boolean> {
  const { runRegistryUpkeep } = await import("../../daemon/run-registry.ts");
  return await runRegistryUpkeep({ root, request, ...listening, environment: process.env });
}

/** @returns false if no registry that is served without a daemon answers there */
async function askRegistry(root: string, request: RegistryUpkeepRequest, listening: Listening): Promise<boolean> {
  const { registrySocket } = await import("../../daemon/registry-socket.ts");
  try {
    await ask(registryCalls(new Caller(registrySocket(root))), request, listening);
    return true;
  } catch (error) {
    // What a killed one left, or one that ends.
    if (isDaemonGone(error)) return false;
    throw error;
  }
}

/** Tells what is answered. Who goes away in the middle of it has told no result. */
async function ask(api: RegistryApi, request: RegistryUpkeepRequest, { tell, signal }: Listening): Promise<void> {
  let hasAnswered = false;
  try {
    const notices = await api.upkeepRegistry(request, { signal });
    hasAnswered = true;
    for await (const notice of notices) tell(notice);
  } catch (error) {
    if (!signal.aborted && !(hasAnswered && isDaemonGone(error))) throw error;
  }
}
