import { ApiError } from "../api/api-error.ts";
import type { EngineApi } from "../api/engine-api.ts";
import { GantryError } from "../errors/gantry-error.ts";
import { selfCommand } from "../platform/self-command.ts";
import type { Command, CommandContext, ConnectOptions, GlobalSettings } from "./command.ts";
import { ABSENT_COMMANDS, COMMAND_GROUPS, type CommandEntry, findCommand } from "./command-tree.ts";
import { connectToDaemon as connectAsNeeded } from "./connect.ts";
import { errorLine, errorSentence } from "./error-line.ts";
import { parseFlags } from "./flags/parse-flags.ts";
import { GLOBAL_FLAGS } from "./global-flags.ts";
import { openProcessTerminal } from "./process-terminal.ts";
import type { Terminal } from "./terminal.ts";
import { UsageError } from "./usage-error.ts";

export interface CommandLineOptions {
  /** The command that starts this program, for the daemon that it starts. */
  readonly selfCommand: () => readonly [string, ...string[]];
  /** How the daemon is reached. @default the client over its socket, and a daemon started if none answers */
  readonly connect?: (settings: GlobalSettings) => Promise<EngineApi>;
}

const FLAG_ERROR_STATUS = 125;
const ARGUMENTS_ERROR_STATUS = 1;
/** What a shell reports for a process that SIGPIPE ended: nobody reads what we print. */
const BROKEN_PIPE_STATUS = 141;

/** A command that was found, and what is left of the command line. */
interface Call {
  readonly path: string;
  readonly entry: CommandEntry;
  readonly rest: readonly string[];
}

/** Something to print and a status, instead of a command. */
interface Notice {
  readonly status: number;
  readonly stdout?: string;
  readonly stderr?: string;
}

function refusal(path: string, instead: string): Notice {
  const hint = instead === "" ? "" : `; ${instead}`;
  return { status: 1, stderr: `gantry: unsupported: gantry ${path} is not there yet${hint}\n` };
}

async function unknownCommand(path: string, group: string | undefined): Promise<Notice> {
  const [{ COMMANDS }, { suggest }] = await Promise.all([import("./command-tree.ts"), import("./suggest.ts")]);
  const prefix = group === undefined ? "" : `${group} `;
  const known = COMMANDS.flatMap(({ paths }) => paths)
    .filter((candidate) => (group === undefined ? !candidate.includes(" ") : candidate.startsWith(prefix)))
    .map((candidate) => candidate.slice(prefix.length));
  if (group === undefined) known.push(...COMMAND_GROUPS.map(({ name }) => name).filter((name) => !name.includes(" ")));
  const meant = suggest(path.slice(prefix.length), known);
  const question =
    meant.length === 0 ? "" : `\nDid you mean ${meant.map((word) => `'${prefix}${word}'`).join(" or ")}?\n`;
  const help = group === undefined ? "gantry --help" : `gantry ${group} --help`;
  return {
    status: 1,
    stderr: `gantry: unknown command: gantry ${path}\n${question}\nRun '${help}' for more information\n`,
  };
}

async function helpFor(words: readonly string[], columns: number): Promise<Notice> {
  const help = await import("./help.ts");
  if (words.length === 0) return { status: 0, stdout: help.programHelp(columns) };
  const found = await findCall(words, columns);
  if ("status" in found) return found;
  return { status: 0, stdout: help.commandHelp(found.path, found.entry, await found.entry.load(), columns) };
}

/** How many words name a group: one for `image ls`, two for `registry user add`, none for `run`. */
function groupDepth(words: readonly string[]): number {
  const isGroup = (depth: number): boolean => {
    const path = words.slice(0, depth).join(" ");
    return depth <= words.length && COMMAND_GROUPS.some(({ name }) => name === path);
  };
  let depth = 0;
  while (isGroup(depth + 1)) depth += 1;
  return depth;
}

/** Finds the command that the words name. */
async function findCall(words: readonly string[], columns: number): Promise<Call | Notice> {
  const [first = ""] = words;
  const depth = groupDepth(words);
  if (depth > 0) {
    const group = words.slice(0, depth).join(" ");
    const next = words[depth];
    if (next === undefined || next === "--help" || next === "-h") {
      const { groupHelp } = await import("./help.ts");
      return { status: 0, stdout: groupHelp(group) };
    }
    const path = `${group} ${next}`;
    const entry = findCommand(path);
    if (entry !== undefined) return { path, entry, rest: words.slice(depth + 1) };
    const instead = Object.hasOwn(ABSENT_COMMANDS, path) ? ABSENT_COMMANDS[path] : undefined;
    return instead === undefined ? unknownCommand(path, group) : refusal(path, instead);
  }
  if (first === "help") return helpFor(words.slice(1), columns);
  const entry = findCommand(first);
  if (entry !== undefined) return { path: first, entry, rest: words.slice(1) };
  const instead = Object.hasOwn(ABSENT_COMMANDS, first) ? ABSENT_COMMANDS[first] : undefined;
  return instead === undefined ? unknownCommand(first, undefined) : refusal(first, instead);
}

function countArguments(path: string, { arguments: { min, max } }: Command, given: number): void {
  if (given >= min && (max === undefined || given <= max)) return;
  const many = (count: number) => `${count} argument${count === 1 ? "" : "s"}`;
  let wanted = `requires at least ${many(min)}`;
  if (max === 0) wanted = "accepts no arguments";
  else if (max === min) wanted = `requires ${many(min)}`;
  else if (max !== undefined && given > max) wanted = `requires at most ${many(max)}`;
  throw new UsageError("arguments", `'gantry ${path}' ${wanted}`);
}

async function connectToDaemon(
  settings: GlobalSettings,
  options: CommandLineOptions & ConnectOptions,
  terminal: Terminal,
): Promise<EngineApi> {
  if (options.connect !== undefined) return options.connect(settings);
  return connectAsNeeded(settings, {
    selfCommand: options.selfCommand,
    terminal,
    ...(options.trace === undefined ? {} : { trace: options.trace }),
    ...(options.isAgain === undefined ? {} : { isAgain: options.isAgain }),
    ...(options.mayStart === undefined ? {} : { mayStart: options.mayStart }),
  });
}

async function runCommand(call: Call, command: Command, context: CommandContext): Promise<number> {
  const isInterspersed = command.isInterspersed ?? true;
  const input = parseFlags(command.flags, call.rest, { isInterspersed });
  if (input.isHelpWanted) {
    const { commandHelp, DEFAULT_COLUMNS } = await import("./help.ts");
    const columns = context.terminal.size()?.width ?? DEFAULT_COLUMNS;
    await context.terminal.stdout.write(commandHelp(call.path, call.entry, command, columns));
    return 0;
  }
  countArguments(call.path, command, input.positionals.length);
  return command.run(context, input);
}

function isBrokenPipe(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "EPIPE";
}

/** The status of a container that could not be started: 127 no such program, 126 it cannot be executed, else 125. */
function startStatus(error: unknown, message: string): number {
  if (error instanceof GantryError && error.exitCode !== undefined) return error.exitCode;
  if (!(error instanceof ApiError)) return 125;
  if (/executable file not found|no such file or directory/i.test(message)) return 127;
  if (/permission denied|is a directory/i.test(message)) return 126;
  return 125;
}

/** What is printed for an error of a command, and the status that the process ends with. */
async function explain(error: unknown, call: Call, command: Command | undefined, isDebug: boolean): Promise<Notice> {
  if (isBrokenPipe(error)) return { status: BROKEN_PIPE_STATUS };
  if (error instanceof UsageError && command !== undefined) {
    const { usageLine } = await import("./help.ts");
    const prefix = error.kind === "arguments" ? "gantry: " : "";
    const more = `Run 'gantry ${call.path} --help' for more information`;
    return {
      status: error.kind === "flag" ? FLAG_ERROR_STATUS : ARGUMENTS_ERROR_STATUS,
      stderr: `${prefix}${error.message}\n\n${usageLine(call.path, command)}\n\n${more}\n`,
    };
  }
  const isUnforeseen = error instanceof Error && !(error instanceof GantryError);
  const stack = isDebug && isUnforeseen ? error.stack : undefined;
  const message = stack ?? errorSentence(error);
  if (command?.errorsOf === "run" || (command?.errorsOf === "creation" && !(error instanceof ApiError))) {
    const more = `Run 'gantry ${call.path} --help' for more information`;
    return { status: startStatus(error, message), stderr: `gantry: ${message}\n\n${more}\n` };
  }
  const status = error instanceof GantryError ? (error.exitCode ?? 1) : 1;
  return { status, stderr: `${stack ?? errorLine(error)}\n` };
}

async function tell(terminal: Terminal, { status, stdout, stderr }: Notice): Promise<number> {
  try {
    if (stdout !== undefined) await terminal.stdout.write(stdout);
    if (stderr !== undefined) await terminal.stderr.write(stderr);
  } catch (error) {
    if (!isBrokenPipe(error)) throw error;
  }
  return status;
}

/**
 * Carries out one command line.
 *
 * @param argv what follows the program's name.
 * @returns the status that the process is to end with. Nothing is left running.
 */
export async function commandLine(
  argv: readonly string[],
  terminal: Terminal,
  options: CommandLineOptions,
): Promise<number> {
  let global: ReturnType<typeof parseFlags<typeof GLOBAL_FLAGS>>;
  try {
    global = parseFlags(GLOBAL_FLAGS, argv, { isInterspersed: false });
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return tell(terminal, {
      status: FLAG_ERROR_STATUS,
      stderr: `${message}\n\nUsage:  gantry [OPTIONS] COMMAND\n\nRun 'gantry --help' for more information\n`,
    });
  }
  const { flags, positionals } = global;
  if (flags.version) {
    const { PROGRAM_VERSION } = await import("./version.ts");
    return tell(terminal, { status: 0, stdout: `Gantry version ${PROGRAM_VERSION}\n` });
  }
  const columns = terminal.size()?.width ?? 80;
  if (global.isHelpWanted || positionals.length === 0) return tell(terminal, await helpFor([], columns));
  const found = await findCall(positionals, columns);
  if ("status" in found) return tell(terminal, found);
  const settings: GlobalSettings = {
    host: flags.host,
    root: flags.root,
    state: flags.state,
    isDebug: flags.debug,
  };
  let api: Promise<EngineApi> | undefined;
  const context: CommandContext = {
    terminal,
    settings,
    path: found.path,
    connect(more = {}) {
      if (more.isAgain === true) api = undefined;
      api ??= connectToDaemon(settings, { ...options, ...more }, terminal);
      return api;
    },
  };
  let command: Command | undefined;
  try {
    command = await found.entry.load();
    return await runCommand(found, command, context);
  } catch (error) {
    return tell(terminal, await explain(error, found, command, settings.isDebug));
  }
}

/** The process itself: its arguments, its terminal, its status. */
export async function runProcess(): Promise<void> {
  const status = await commandLine(process.argv.slice(2), await openProcessTerminal(), { selfCommand });
  process.exit(status);
}
