import { readFileSync } from "node:fs";
import { GantryError } from "../../errors/gantry-error.ts";
import { parsePasswd } from "../container/resolve-user.ts";
import type { ProcessTable } from "../engine.ts";

/** What /proc tells of one process. */
export interface ProcessFacts {
  readonly pid: number;
  readonly ppid: number;
  readonly uid: number;
  readonly user: string;
  readonly name: string;
  readonly args: string;
  readonly state: string;
  readonly terminal: string;
  readonly nice: number;
  readonly threads: number;
  readonly priority: number;
  /** Seconds of processor time. */
  readonly cpuSeconds: number;
  readonly startedAtMs: number;
  readonly elapsedSeconds: number;
  readonly virtualBytes: number;
  readonly residentBytes: number;
  readonly memoryPercent: number;
}

interface Column {
  readonly title: string;
  readonly value: (facts: ProcessFacts) => string;
}

const two = (value: number): string => String(Math.floor(value)).padStart(2, "0");

function clockTime(seconds: number): string {
  const days = Math.floor(seconds / 86400);
  const time = `${two((seconds / 3600) % 24)}:${two((seconds / 60) % 60)}:${two(seconds % 60)}`;
  return days > 0 ? `${days}-${time}` : time;
}

function startTime(facts: ProcessFacts): string {
  const date = new Date(facts.startedAtMs);
  if (facts.elapsedSeconds < 86400) return `${two(date.getHours())}:${two(date.getMinutes())}`;
  return `${date.toLocaleString("en-US", { month: "short" })}${two(date.getDate())}`;
}

const cpuPercent = (facts: ProcessFacts): number => (100 * facts.cpuSeconds) / Math.max(facts.elapsedSeconds, 1);

const column = (title: string, value: Column["value"]): Column => ({ title, value });
const user = (title: string): Column => column(title, (facts) => facts.user);
const pid = column("PID", (facts) => String(facts.pid));
const ppid = column("PPID", (facts) => String(facts.ppid));
const start = (title: string): Column => column(title, startTime);
const tty = (title: string): Column => column(title, (facts) => facts.terminal);
const time = column("TIME", (facts) => clockTime(facts.cpuSeconds));
const args = (title: string): Column => column(title, (facts) => facts.args);

const FULL: readonly Column[] = [
  user("UID"),
  pid,
  ppid,
  column("C", (facts) => String(Math.floor(cpuPercent(facts)))),
  start("STIME"),
  tty("TTY"),
  time,
  args("CMD"),
];

const USER_ORIENTED: readonly Column[] = [
  user("USER"),
  pid,
  column("%CPU", (facts) => cpuPercent(facts).toFixed(1)),
  column("%MEM", (facts) => facts.memoryPercent.toFixed(1)),
  column("VSZ", (facts) => String(Math.floor(facts.virtualBytes / 1024))),
  column("RSS", (facts) => String(Math.floor(facts.residentBytes / 1024))),
  tty("TTY"),
  column("STAT", (facts) => facts.state),
  start("START"),
  column("TIME", (facts) => `${Math.floor(facts.cpuSeconds / 60)}:${two(facts.cpuSeconds % 60)}`),
  args("COMMAND"),
];

/** Names of ps(1)'s `-o`. */
const FORMATS: Readonly<Record<string, Column>> = {
  pid,
  ppid,
  user: user("USER"),
  uid: column("UID", (facts) => String(facts.uid)),
  comm: column("COMMAND", (facts) => facts.name),
  ucmd: column("CMD", (facts) => facts.name),
  cmd: args("CMD"),
  args: args("COMMAND"),
  command: args("COMMAND"),
  state: column("S", (facts) => facts.state),
  s: column("S", (facts) => facts.state),
  stat: column("STAT", (facts) => facts.state),
  tty: tty("TT"),
  time,
  etime: column("ELAPSED", (facts) => clockTime(facts.elapsedSeconds)),
  etimes: column("ELAPSED", (facts) => String(Math.floor(facts.elapsedSeconds))),
  stime: start("STIME"),
  start: start("START"),
  pcpu: column("%CPU", (facts) => cpuPercent(facts).toFixed(1)),
  pmem: column("%MEM", (facts) => facts.memoryPercent.toFixed(1)),
  vsz: column("VSZ", (facts) => String(Math.floor(facts.virtualBytes / 1024))),
  rss: column("RSS", (facts) => String(Math.floor(facts.residentBytes / 1024))),
  ni: column("NI", (facts) => String(facts.nice)),
  nlwp: column("NLWP", (facts) => String(facts.threads)),
  pri: column("PRI", (facts) => String(facts.priority)),
};

/**
 * Reads what Docker's `top` takes after the container: ps(1)'s `-ef`, `aux`, or columns by `-o`.
 *
 * @throws `unsupported` for another one, `invalid-argument` for columns without the pid.
 */
export function parsePsArguments(text: string): readonly Column[] {
  const words = text.trim() === "" ? ["-ef"] : text.trim().split(/\s+/);
  const names: string[] = [];
  let columns: readonly Column[] = FULL;
  for (let index = 0; index < words.length; index++) {
    const word = words[index] ?? "";
    if (/^-[ea]*o/.test(word)) {
      const list = word.slice(word.indexOf("o") + 1) || (words[++index] ?? "");
      names.push(...list.split(",").filter((name) => name !== ""));
    } else if (word === "-ef" || word === "-e" || word === "-f" || word === "ef" || word === "-A") {
      columns = FULL;
    } else if (/^-?aux?$/.test(word) || word === "u") {
      columns = USER_ORIENTED;
    } else {
      throw new GantryError("unsupported", `ps ${word} is not supported`, {
        hint: `there are -ef, aux, and -o with ${Object.keys(FORMATS).join(",")}`,
      });
    }
  }
  if (names.length === 0) return columns;
  const chosen = names.map((name) => {
    const format = Object.hasOwn(FORMATS, name) ? FORMATS[name] : undefined;
    if (format === undefined) {
      throw new GantryError("unsupported", `ps has no column ${name} here`, {
        hint: `there are ${Object.keys(FORMATS).join(", ")}`,
      });
    }
    return format;
  });
  if (!names.includes("pid")) throw new GantryError("invalid-argument", "Couldn't find PID field in ps output");
  return chosen;
}

/** The table of the given processes; those that are gone are left out. */
export function processTable(
  pids: readonly number[],
  options: { readonly psArguments?: string; readonly nowMs: number; readonly memoryBytes: number },
): ProcessTable {
  const columns = parsePsArguments(options.psArguments ?? "");
  const names = new Map(parsePasswd(read("/etc/passwd") ?? "").map((entry) => [entry.uid, entry.name]));
  const uptimeSeconds = Number.parseFloat(read("/proc/uptime") ?? "0");
  const rows = pids.flatMap((id) => {
    const stat = read(`/proc/${id}/stat`);
    const status = read(`/proc/${id}/status`);
    if (stat === undefined || status === undefined) return [];
    const commandLine = (read(`/proc/${id}/cmdline`) ?? "").replace(/\0+$/, "").replaceAll("\0", " ");
    const facts = parseProcess({ stat, status, commandLine }, { ...options, uptimeSeconds, names });
    return facts === undefined ? [] : [columns.map((one) => one.value(facts))];
  });
  return { titles: columns.map((one) => one.title), rows };
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

const TICKS_PER_SECOND = 100;
const PAGE_BYTES = 4096;

/** Reads proc_pid_stat(5) and proc_pid_status(5). */
export function parseProcess(
  text: { readonly stat: string; readonly status: string; readonly commandLine: string },
  host: {
    readonly nowMs: number;
    readonly uptimeSeconds: number;
    readonly memoryBytes: number;
    readonly names: ReadonlyMap<number, string>;
  },
): ProcessFacts | undefined {
  const open = text.stat.indexOf("(");
  const close = text.stat.lastIndexOf(")");
  if (open < 0 || close < open) return undefined;
  const fields = text.stat.slice(close + 2).split(" ");
  /** By the number that the manual gives the field; the third is the first here. */
  const at = (field: number): number => Number(fields[field - 3] ?? 0);
  const uid = Number(/^Uid:\s+([0-9]+)/m.exec(text.status)?.[1] ?? 0);
  const name = text.stat.slice(open + 1, close);
  const startSeconds = at(22) / TICKS_PER_SECOND;
  const elapsedSeconds = Math.max(0, host.uptimeSeconds - startSeconds);
  return {
    pid: Number(text.stat.slice(0, open)),
    ppid: at(4),
    uid,
    user: host.names.get(uid) ?? String(uid),
    name,
    args: text.commandLine || `[${name}]`,
    state: fields[0] ?? "?",
    terminal: terminalName(at(7)),
    nice: at(19),
    threads: at(20),
    priority: at(18),
    cpuSeconds: (at(14) + at(15)) / TICKS_PER_SECOND,
    startedAtMs: host.nowMs - elapsedSeconds * 1000,
    elapsedSeconds,
    virtualBytes: at(23),
    residentBytes: at(24) * PAGE_BYTES,
    memoryPercent: host.memoryBytes > 0 ? (100 * at(24) * PAGE_BYTES) / host.memoryBytes : 0,
  };
}

function terminalName(number: number): string {
  if (number === 0) return "?";
  const major = (number >> 8) & 0xfff;
  const minor = (number & 0xff) | ((number >> 12) & 0xfff00);
  return major >= 136 && major <= 143 ? `pts/${minor + (major - 136) * 256}` : major === 4 ? `tty${minor}` : "?";
}
