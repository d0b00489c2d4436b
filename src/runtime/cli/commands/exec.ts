import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { GantryError } from "../../../errors/gantry-error.ts";
import type { Process, User } from "../../../oci/runtime-spec.ts";
import { execProcess } from "../../container/exec-process.ts";
import { openContainer } from "../../container/open-container.ts";
import { parseProcess } from "../../spec/parse-runtime-spec.ts";
import { outcomeCommand } from "../outcome-command.ts";
import type { GivenFlags } from "../parse-runc-flags.ts";
import type { CommandContext, RuntimeCommand } from "../runtime-command.ts";

function parseId(text: string, what: string): number {
  if (/^\d{1,10}$/.test(text) && Number(text) < 0xffff_ffff) return Number(text);
  throw new GantryError("invalid-argument", `${what}: not a number of a user or group: ${JSON.stringify(text)}`);
}

/** `uid[:gid]` over what the container's own process has. */
function userOf(flags: GivenFlags, user: User): User {
  const [uid, gid] = (flags.text("user") ?? "").split(":", 2);
  const groups = flags.list("additional-gids").map((text) => parseId(text, "--additional-gids"));
  return {
    ...user,
    ...(uid ? { uid: parseId(uid, "--user") } : {}),
    ...(gid ? { gid: parseId(gid, "--user") } : {}),
    ...(groups.length === 0 ? {} : { additionalGids: [...(user.additionalGids ?? []), ...groups] }),
  };
}

/** Added to what can be used and kept, not to what is inherited (CVE-2022-29162). */
function withCapabilities(process: Process, names: readonly string[]): Process {
  if (names.length === 0) return process;
  const own = process.capabilities ?? {};
  const add = (set: readonly string[] | undefined): readonly string[] => [...new Set([...(set ?? []), ...names])];
  return {
    ...process,
    capabilities: {
      ...own,
      bounding: add(own.bounding),
      effective: add(own.effective),
      permitted: add(own.permitted),
    },
  };
}

/** The container's own process, with another program and what the flags change. */
export function processOfFlags(base: Process, flags: GivenFlags, args: readonly string[]): Process {
  if (args.length === 0) throw new GantryError("invalid-argument", "process args cannot be empty");
  const { consoleSize: _size, ...rest } = base;
  const [cwd, apparmor, label] = [flags.text("cwd"), flags.text("apparmor"), flags.text("process-label")];
  const process: Process = {
    ...rest,
    args,
    terminal: flags.has("tty"),
    env: [...(base.env ?? []), ...flags.list("env")],
    user: userOf(flags, base.user),
    ...(cwd === undefined ? {} : { cwd }),
    ...(apparmor === undefined ? {} : { apparmorProfile: apparmor }),
    ...(label === undefined ? {} : { selinuxLabel: label }),
    ...(flags.text("no-new-privs") === undefined ? {} : { noNewPrivileges: flags.has("no-new-privs") }),
  };
  return withCapabilities(process, flags.list("cap"));
}

function readProcess(path: string): Process {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    throw new GantryError("not-found", `cannot read the process of --process: ${path}`, { cause: error });
  }
  return parseProcess(text, path);
}

async function run(context: CommandContext): Promise<number> {
  const { flags, host, options } = context;
  const [id = "", ...args] = context.positionals;
  const container = await openContainer(options.root, id);
  const folder = host.workingFolder();
  const at = (name: string): string | undefined => {
    const path = flags.text(name);
    return path === undefined ? undefined : resolve(folder, path);
  };
  const [file, pidFile, consoleSocket] = [at("process"), at("pid-file"), at("console-socket")];
  const base = container.state.spec.process;
  if (file === undefined && base === undefined)
    throw new GantryError("invalid-argument", "process: missing in the container's config.json");
  const process = file === undefined ? processOfFlags(base as Process, flags, args) : readProcess(file);
  return await execProcess(container, process, {
    environment: host.environment,
    isDetached: flags.has("detach"),
    ignoresPause: flags.has("ignore-paused"),
    preserveFds: flags.integer("preserve-fds") ?? 0,
    subgroups: flags.list("cgroup"),
    ...(pidFile === undefined ? {} : { pidFile }),
    ...(consoleSocket === undefined ? {} : { consoleSocket }),
    again: (plan) =>
      outcomeCommand(context, plan, { command: "exec", id, ...(pidFile === undefined ? {} : { pidFile }) }),
    warn: (message) => context.log.write("warning", message),
  });
}

export const command: RuntimeCommand = {
  usage: "[OPTIONS] CONTAINER-ID COMMAND [ARG...] | --process FILE CONTAINER-ID",
  flags: {
    "console-socket": { takes: "text" },
    cwd: { takes: "text" },
    env: { takes: "list", short: "e" },
    tty: { takes: "nothing", short: "t" },
    user: { takes: "text", short: "u" },
    "additional-gids": { takes: "list", short: "g" },
    process: { takes: "text", short: "p" },
    detach: { takes: "nothing", short: "d" },
    "pid-file": { takes: "text" },
    "process-label": { takes: "text" },
    apparmor: { takes: "text" },
    "no-new-privs": { takes: "nothing" },
    cap: { takes: "list", short: "c" },
    "preserve-fds": { takes: "integer" },
    cgroup: { takes: "list" },
    "ignore-paused": { takes: "nothing" },
  },
  arguments: { min: 1, max: Number.POSITIVE_INFINITY },
  isInterspersed: false,
  failure: "exec failed: ",
  failureStatus: 255,
  run,
};
