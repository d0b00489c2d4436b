import type { EngineApi } from "../../api/engine-api.ts";
import type { RegistryUpkeepNotice, RegistryUpkeepRequest } from "../../api/registry.ts";
import { GantryError } from "../../errors/gantry-error.ts";
import type { CommandContext } from "../command.ts";
import { textFlag } from "../flags/flag.ts";
import { resolveHostPath } from "../values/host-path.ts";
import { connectToOwner } from "./connect-to-owner.ts";

/** Of every command that looks after what a registry keeps. */
export const UPKEEP_FLAGS = {
  config: textFlag("The registry.toml that holds (default that of the registry that is served)"),
  root: textFlag("Look after what is here, without an engine, if no daemon owns it"),
} as const;

export type UpkeepResult = Exclude<RegistryUpkeepNotice, { readonly kind: "line" | "warning" | "failed" }>;

/**
 * Asks the daemon for a task of upkeep, or does it here where no daemon owns the root, and prints its lines.
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
  const { signal } = ended;
  const path = root === undefined ? undefined : resolveHostPath(root, terminal);
  const isDone = path !== undefined && (await runAlone(path, whole, { tell, signal }));
  if (!isDone) await askDaemon(await connectToOwner(context, path), whole, { tell, signal });
  await written;
  if (result !== undefined) return result;
  if (signal.aborted) throw new GantryError("cancelled", "ended before it was done");
  throw new GantryError("unavailable", failure ?? "the daemon ended before it was done");
}

interface Listening {
  readonly tell: (notice: RegistryUpkeepNotice) => void;
  readonly signal: AbortSignal;
}

/** @returns false if a daemon has the root */
async function runAlone(root: string, request: RegistryUpkeepRequest, listening: Listening): Promise<boolean> {
  const { runRegistryUpkeep } = await import("../../daemon/run-registry.ts");
  return await runRegistryUpkeep({ root, request, ...listening, environment: process.env });
}

async function askDaemon(api: EngineApi, request: RegistryUpkeepRequest, { tell, signal }: Listening): Promise<void> {
  try {
    for await (const notice of await api.upkeepRegistry(request, { signal })) tell(notice);
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
