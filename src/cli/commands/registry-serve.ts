import type { EngineApi } from "../../api/engine-api.ts";
import type { ServeRegistryRequest } from "../../api/registry.ts";
import { GantryError, isGantryError } from "../../errors/gantry-error.ts";
import { isDaemonGone } from "../across-restarts.ts";
import { type CommandContext, defineCommand } from "../command.ts";
import { switchFlag, textFlag } from "../flags/flag.ts";
import { connectToOwner } from "../registry/connect-to-owner.ts";
import { noticePrinter } from "../registry/notice-printer.ts";
import { resolveHostPath } from "../values/host-path.ts";

export const command = defineCommand({
  usage: "[OPTIONS]",
  flags: {
    config: textFlag("The registry.toml that says how to serve"),
    listen: textFlag("Where to listen, HOST:PORT (default 127.0.0.1:5000)", { short: "l" }),
    root: textFlag("Serve this folder, without a daemon and the rights of root, if no daemon owns it"),
    access: textFlag("The file of users and rights (default access.toml in the root)"),
    "external-url": textFlag("Where clients reach it, if not by its address: https://registry.example.org"),
    "allow-sparse": switchFlag("Take manifests whose blobs or manifests are missing"),
  },
  arguments: { min: 0, max: 0 },
  async run(context, { flags }) {
    const ended = new AbortController();
    const { stdin, stderr } = context.terminal;
    const isAttended = stdin.isTerminal || stderr.isTerminal;
    using _signals = context.terminal.onSignals(["SIGINT", "SIGTERM", "SIGHUP"], (name) => {
      // A terminal that is closed ends what runs in it. To a service it means: read your files again, as is done anyway.
      if (name !== "SIGHUP" || isAttended) ended.abort();
    });
    const { config, listen, access, "external-url": externalUrl } = flags;
    const request: ServeRegistryRequest = {
      ...(config === undefined ? {} : { Config: resolveHostPath(config, context.terminal) }),
      ...(listen === undefined ? {} : { Listen: listen }),
      ...(flags["allow-sparse"] ? { AllowSparse: true } : {}),
      ...(access === undefined ? {} : { Access: resolveHostPath(access, context.terminal) }),
      ...(externalUrl === undefined ? {} : { ExternalUrl: externalUrl.replace(/\/$/, "") }),
    };
    const given = flags.root ?? context.settings.root;
    const root = given === undefined ? undefined : resolveHostPath(given, context.terminal);
    if (root === undefined || !(await serveAlone(context, root, request, ended.signal))) {
      await askDaemon(context, await findDaemon(context, root), { request, signal: ended.signal });
    }
    return 0;
  },
});

const HINT = "a registry that is served looks after its root by itself; for anything else end it first";

/** @throws as `connectToOwner`; who may not use the daemon learns of the way without one */
async function findDaemon(context: CommandContext, root: string | undefined): Promise<EngineApi> {
  try {
    return await connectToOwner(context, root, HINT);
  } catch (error) {
    if (root !== undefined || !isGantryError(error, "permission-denied") || error.hint === undefined) throw error;
    throw new GantryError(error.code, error.message, {
      hint: `${error.hint}, or serve a folder of your own with --root, which needs no daemon`,
      cause: error.cause,
    });
  }
}

/** @returns false if a process has the root */
async function serveAlone(
  { terminal }: CommandContext,
  root: string,
  request: ServeRegistryRequest,
  signal: AbortSignal,
): Promise<boolean> {
  const { runRegistry } = await import("../../daemon/run-registry.ts");
  return await runRegistry({ root, request, signal, tell: noticePrinter(terminal), environment: process.env });
}

async function askDaemon(
  { terminal }: CommandContext,
  api: EngineApi,
  { request, signal }: { readonly request: ServeRegistryRequest; readonly signal: AbortSignal },
): Promise<void> {
  const tell = noticePrinter(terminal);
  try {
    for await (const notice of await api.serveRegistry(request, { signal })) tell(notice);
  } catch (error) {
    if (signal.aborted) return;
    if (!isDaemonGone(error)) throw error;
    throw new GantryError("unavailable", "the registry serves no more: the daemon that served it has ended", {
      hint: "the same command serves it again",
    });
  }
}
