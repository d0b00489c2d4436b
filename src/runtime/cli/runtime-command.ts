import type { FlagTable, GivenFlags } from "./parse-runc-flags.ts";
import type { RuntimeHost } from "./runtime-host.ts";
import type { RuntimeLog } from "./runtime-log.ts";

/** Not a command for people: what the launcher says with, when something failed, and cleans up. */
export const OUTCOME_COMMAND = "launch-outcome";

/** runc's flags before the command. */
export interface GlobalOptions {
  readonly root: string;
  readonly log?: string;
  readonly logFormat: "text" | "json";
  readonly isDebug: boolean;
  readonly usesSystemd: boolean;
}

export interface CommandContext {
  readonly host: RuntimeHost;
  readonly options: GlobalOptions;
  readonly log: RuntimeLog;
  readonly flags: GivenFlags;
  readonly positionals: readonly string[];
}

/** One command of `gantry runtime`. */
export interface RuntimeCommand {
  /** What follows its name in the help. */
  readonly usage: string;
  readonly flags: FlagTable;
  readonly arguments: { readonly min: number; readonly max: number };
  /** False where what follows the first positional is another program's. @default true */
  readonly isInterspersed?: boolean;
  /** Before the sentence of what failed. */
  readonly failure?: string;
  /** The status when it failed. @default 1 */
  readonly failureStatus?: number;
  run(context: CommandContext): Promise<number>;
}
