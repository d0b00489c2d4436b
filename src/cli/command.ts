import type { EngineApi } from "../api/engine-api.ts";
import type { CallTrace } from "../client/caller.ts";
import type { FlagTable } from "./flags/flag.ts";
import type { ParsedFlags } from "./flags/parse-flags.ts";
import type { Terminal } from "./terminal.ts";

/** The flags before the command's name; `resolveLocations` adds what the environment says. */
export interface GlobalSettings {
  /** As given by `--host`. */
  readonly host: string | undefined;
  readonly root: string | undefined;
  readonly state: string | undefined;
  readonly isDebug: boolean;
}

export interface ConnectOptions {
  /** Notes the calls. @default nothing does */
  readonly trace?: CallTrace;
  /** The daemon went away: wait until it is back, or start it. @default false */
  readonly isAgain?: boolean;
  /** False: `unavailable` if none is there. @default true */
  readonly mayStart?: boolean;
}

/** What a command works with. */
export interface CommandContext {
  readonly terminal: Terminal;
  readonly settings: GlobalSettings;
  /** The command as it was typed: `run`, `container run`. */
  readonly path: string;
  /** The daemon, started if need be; connected once, whatever is asked for later. */
  connect(options?: ConnectOptions): Promise<EngineApi>;
}

export interface Command<T extends FlagTable = FlagTable> {
  /** What follows the command's name: `[OPTIONS] IMAGE [COMMAND] [ARG...]`. */
  readonly usage: string;
  readonly flags: T;
  /** How many positionals it takes; `max` left out: any number. */
  readonly arguments: { readonly min: number; readonly max?: number };
  /**
   * Flags may follow positionals; false where these are another program's.
   * @default true
   */
  readonly isInterspersed?: boolean;
  /**
   * Errors are those of a container that could not be run (125, 126, 127) or described (125), with a line that tells of the
   * help. What the daemon says of a creation is told as everywhere else: that is Docker's difference.
   */
  readonly errorsOf?: "run" | "creation";
  /** @returns the status that the process ends with. */
  run(context: CommandContext, input: ParsedFlags<T>): Promise<number>;
}

/** Lets TypeScript find the types of a command's flags. */
export function defineCommand<T extends FlagTable>(command: Command<T>): Command<T> {
  return command;
}
