import { resolve } from "node:path";
import { type Bundle, readBundle } from "../container/read-bundle.ts";
import { checkId } from "../container/state-folder.ts";
import type { FlagTable } from "./parse-runc-flags.ts";
import type { CommandContext } from "./runtime-command.ts";

/** What `create`, `run` and `restore` have in common in runc's command line: of which bundle they make which container. */
export const CONTAINER_FLAGS = {
  bundle: { takes: "text", short: "b" },
  "console-socket": { takes: "text" },
  "pid-file": { takes: "text" },
  "no-pivot": { takes: "nothing" },
} as const satisfies FlagTable;

/** The container that a command line asks for. */
export interface AskedContainer {
  readonly bundle: Bundle;
  readonly options: {
    readonly id: string;
    readonly root: string;
    readonly usesSystemd: boolean;
    readonly environment: Readonly<Record<string, string | undefined>>;
    readonly now: Date;
    readonly pidFile?: string;
    readonly consoleSocket?: string;
    warn(message: string): void;
  };
}

/**
 * Reads `CONTAINER_FLAGS` and the container's ID; paths begin in the working folder, which is the bundle if none is named.
 *
 * @throws `invalid-argument` for an ID that cannot be one, or a bundle that cannot be understood.
 */
export function readContainerFlags({ flags, host, options, positionals, log }: CommandContext): AskedContainer {
  const [id = ""] = positionals;
  checkId(id);
  const folder = host.workingFolder();
  const at = (name: keyof typeof CONTAINER_FLAGS): string | undefined => {
    const path = flags.text(name);
    return path === undefined ? undefined : resolve(folder, path);
  };
  const [pidFile, consoleSocket] = [at("pid-file"), at("console-socket")];
  return {
    bundle: readBundle(at("bundle") ?? folder),
    options: {
      id,
      root: options.root,
      usesSystemd: options.usesSystemd,
      environment: host.environment,
      now: host.now(),
      ...(pidFile === undefined ? {} : { pidFile }),
      ...(consoleSocket === undefined ? {} : { consoleSocket }),
      warn: (message) => log.write("warning", message),
    },
  };
}
