import { formatError, GantryError } from "../../errors/gantry-error.ts";
import { type FlagTable, type ParsedRuncFlags, parseRuncFlags } from "./parse-runc-flags.ts";
import { type GlobalOptions, OUTCOME_COMMAND, type RuntimeCommand } from "./runtime-command.ts";
import type { RuntimeHost } from "./runtime-host.ts";
import { RuntimeLog } from "./runtime-log.ts";

const GLOBAL_FLAGS = {
  debug: { takes: "nothing" },
  log: { takes: "text" },
  "log-format": { takes: "text" },
  root: { takes: "text" },
  criu: { takes: "text" },
  "systemd-cgroup": { takes: "nothing" },
  rootless: { takes: "text" },
  help: { takes: "nothing", short: "h" },
  version: { takes: "nothing", short: "v" },
} as const satisfies FlagTable;

interface Entry {
  readonly summary: string;
  readonly load: () => Promise<{ readonly command: RuntimeCommand }>;
}

/** Each is loaded only when it is called. */
const COMMANDS: Readonly<Record<string, Entry>> = {
  create: {
    summary: "Make a container of a bundle; its program waits for start",
    load: () => import("./commands/create.ts"),
  },
  run: { summary: "Make a container and run its program", load: () => import("./commands/run.ts") },
  start: { summary: "Run the program of a created container", load: () => import("./commands/start.ts") },
  state: { summary: "Print the state of a container", load: () => import("./commands/state.ts") },
  kill: { summary: "Send a signal to a container", load: () => import("./commands/kill.ts") },
  exec: { summary: "Run another program in a container", load: () => import("./commands/exec.ts") },
  delete: { summary: "Remove all that a container has", load: () => import("./commands/delete.ts") },
  list: { summary: "List the containers of a root", load: () => import("./commands/list.ts") },
  ps: { summary: "Show the processes of a container", load: () => import("./commands/ps.ts") },
  pause: { summary: "Freeze all processes of a container", load: () => import("./commands/pause.ts") },
  resume: { summary: "Let the processes of a paused container go on", load: () => import("./commands/resume.ts") },
  update: { summary: "Change the limits of a container", load: () => import("./commands/update.ts") },
  events: {
    summary: "Print what a container uses, and when its memory is used up",
    load: () => import("./commands/events.ts"),
  },
  spec: { summary: "Write a config.json to begin with", load: () => import("./commands/spec.ts") },
  features: { summary: "Print what of the specification there is", load: () => import("./commands/features.ts") },
  checkpoint: { summary: "Save the processes of a container in files", load: () => import("./commands/checkpoint.ts") },
  restore: { summary: "Make a container again of a checkpoint", load: () => import("./commands/restore.ts") },
};

const OUTCOME: Entry = { summary: "", load: () => import("./commands/launch-outcome.ts") };

/** Without root's rights it is below the user's own folder (runc: main.go). */
function defaultRoot(host: RuntimeHost): string {
  const own = host.environment.XDG_RUNTIME_DIR;
  const isRoot = (process.geteuid?.() ?? 0) === 0;
  return isRoot || own === undefined || own === "" ? "/run/gantry-runc" : `${own}/gantry-runc`;
}

/** What is left in it of `.` and `..` is for the kernel. */
function absolute(host: RuntimeHost, path: string): string {
  return path.startsWith("/") ? path : `${host.workingFolder()}/${path}`;
}

function globalOptions(host: RuntimeHost, { flags }: ParsedRuncFlags): GlobalOptions {
  const format = flags.text("log-format") ?? "text";
  if (format !== "text" && format !== "json")
    throw new GantryError("invalid-argument", `invalid log-format: ${JSON.stringify(format)}, it is text or json`);
  const [root, log] = [flags.text("root"), flags.text("log")];
  return {
    root: root === undefined ? defaultRoot(host) : absolute(host, root),
    ...(log === undefined ? {} : { log: absolute(host, log) }),
    logFormat: format,
    isDebug: flags.has("debug"),
    usesSystemd: flags.has("systemd-cgroup"),
  };
}

function helpText(): string {
  const list = Object.entries(COMMANDS).map(([name, { summary }]) => `  ${name.padEnd(12)}${summary}\n`);
  const flags = Object.entries(GLOBAL_FLAGS).map(
    ([name, { takes }]) => `  --${name}${takes === "nothing" ? "" : " VALUE"}\n`,
  );
  return `Usage:  gantry runtime [OPTIONS] COMMAND [ARG...]\n\nAn OCI runtime with runc's command line\n\nCommands:\n${list.join("")}\nOptions:\n${flags.join("")}`;
}

function commandHelp(name: string, command: RuntimeCommand): string {
  const flags = Object.entries(command.flags as FlagTable).map(([flag, { takes, short }]) => {
    const value = takes === "nothing" ? "" : " VALUE";
    return `  ${short === undefined ? "    " : `-${short}, `}--${flag}${value}\n`;
  });
  const options = flags.length === 0 ? "" : `\nOptions:\n${flags.join("")}`;
  return `Usage:  gantry runtime ${name} ${command.usage}\n${options}`;
}

function versionText(host: RuntimeHost): string {
  return `gantry runtime version ${host.version}\nspec: 1.3.0\n`;
}

function countArguments(name: string, command: RuntimeCommand, given: number): void {
  const { min, max } = command.arguments;
  if (given >= min && given <= max) return;
  const wanted = min === max ? `exactly ${min}` : given < min ? `a minimum of ${min}` : `a maximum of ${max}`;
  throw new GantryError("invalid-argument", `gantry runtime: "${name}" requires ${wanted} argument(s)`);
}

const NO_SUCH_COMMAND_STATUS = 3;

/**
 * Carries out one command line of runc's.
 *
 * @param argv what follows `gantry runtime`.
 * @returns the status to end with; `create`, `run` and `exec` do not come back when all goes well.
 */
export async function runtimeMain(argv: readonly string[], host: RuntimeHost): Promise<number> {
  let log = new RuntimeLog(host, { logFormat: "text", isDebug: false });
  let command: RuntimeCommand | undefined;
  try {
    const global = parseRuncFlags(GLOBAL_FLAGS, argv, { isInterspersed: false });
    const options = globalOptions(host, global);
    const opened = new RuntimeLog(host, options);
    opened.open();
    log = opened;
    const [name, ...rest] = global.positionals;
    if (global.flags.has("version")) {
      host.print(versionText(host));
      return 0;
    }
    if (name === undefined || name === "help" || global.flags.has("help")) {
      host.print(helpText());
      return 0;
    }
    const entry = name === OUTCOME_COMMAND ? OUTCOME : Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
    if (entry === undefined) {
      log.fail(`unknown command "${name}", see gantry runtime --help`);
      return NO_SUCH_COMMAND_STATUS;
    }
    ({ command } = await entry.load());
    const table = { ...command.flags, help: { takes: "nothing", short: "h" } } as const;
    const { flags, positionals } = parseRuncFlags(table, rest, { isInterspersed: command.isInterspersed ?? true });
    if (flags.has("help")) {
      host.print(commandHelp(name, command));
      return 0;
    }
    countArguments(name, command, positionals.length);
    return await command.run({ host, options, log, flags, positionals });
  } catch (error) {
    const sentence = error instanceof GantryError ? formatError(error) : describeUnexpected(error);
    log.fail(`${command?.failure ?? ""}${sentence}`);
    return command?.failureStatus ?? 1;
  }
}

function describeUnexpected(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
