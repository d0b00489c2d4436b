import type { Command } from "./command.ts";
import { COMMAND_GROUPS, COMMANDS, type CommandEntry } from "./command-tree.ts";
import { formatFlags } from "./flags/format-flags.ts";
import { GLOBAL_FLAGS } from "./global-flags.ts";

/** The columns of a help text where the terminal does not say. */
export const DEFAULT_COLUMNS = 80;

function formatList(lines: readonly (readonly [name: string, summary: string])[]): string {
  const width = Math.max(11, ...lines.map(([name]) => name.length + 1));
  return lines.map(([name, summary]) => `  ${name.padEnd(width)} ${summary}`).join("\n");
}

/** `Usage:  gantry run [OPTIONS] IMAGE [COMMAND] [ARG...]`. */
export function usageLine(path: string, command: Command): string {
  return `Usage:  gantry ${path} ${command.usage}`.trimEnd();
}

/** What `gantry COMMAND --help` prints; made of the command's table of flags. */
export function commandHelp(path: string, entry: CommandEntry, command: Command, columns: number): string {
  const sections = [usageLine(path, command), entry.summary];
  if (entry.paths.length > 1) {
    const aliases = entry.paths.map((alias) => `gantry ${alias}`).sort((a, b) => (a < b ? -1 : 1));
    sections.push(`Aliases:\n  ${aliases.join(", ")}`);
  }
  const options = formatFlags(command.flags, columns);
  if (options !== "") sections.push(`Options:\n${options}`);
  return `${sections.join("\n\n")}\n`;
}

/** What `gantry container` prints. */
export function groupHelp(name: string): string {
  const summary = COMMAND_GROUPS.find((group) => group.name === name)?.summary ?? "";
  const lines = COMMANDS.flatMap((entry) => {
    const path = entry.paths.find((candidate) => candidate.startsWith(`${name} `));
    return path === undefined ? [] : [[path.slice(name.length + 1), entry.summary] as const];
  }).sort(([a], [b]) => (a < b ? -1 : 1));
  return [
    `Usage:  gantry ${name} COMMAND`,
    summary,
    `Commands:\n${formatList(lines)}`,
    `Run 'gantry ${name} COMMAND --help' for more information on a command.\n`,
  ].join("\n\n");
}

/** What `gantry --help` prints. */
export function programHelp(columns: number): string {
  const top = COMMANDS.filter(({ paths }) => !paths[0]?.includes(" "));
  const lines = (isCommon: boolean) =>
    top.filter((entry) => entry.isCommon === isCommon).map(({ paths, summary }) => [paths[0] ?? "", summary] as const);
  const groups = COMMAND_GROUPS.filter(({ name }) => !name.includes(" ")).map(
    ({ name, summary }) => [name, summary] as const,
  );
  return [
    "Usage:  gantry [OPTIONS] COMMAND",
    "Containers, from image to process, in one program",
    `Common Commands:\n${formatList(lines(true))}`,
    `Groups of Commands:\n${formatList(groups)}`,
    `Commands:\n${formatList(lines(false))}`,
    `Global Options:\n${formatFlags(GLOBAL_FLAGS, columns)}`,
    "Run 'gantry COMMAND --help' for more information on a command.\n",
  ].join("\n\n");
}
