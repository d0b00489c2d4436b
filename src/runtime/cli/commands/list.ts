import { readFileSync } from "node:fs";
import { formatError, GantryError, isGantryError } from "../../../errors/gantry-error.ts";
import { describeState, type StateDescription } from "../../container/describe-state.ts";
import { findContainer } from "../../container/find-container.ts";
import { listIds } from "../../container/make-state-folder.ts";
import { formatTable } from "../format-table.ts";
import type { CommandContext, RuntimeCommand } from "../runtime-command.ts";

/** A user's name from the text of /etc/passwd, `#uid` without one. */
export function ownerName(passwd: string, uid: number): string {
  const line = passwd.split("\n").find((candidate) => candidate.split(":")[2] === String(uid));
  return line?.split(":")[0] ?? `#${uid}`;
}

function readPasswd(): string {
  try {
    return readFileSync("/etc/passwd", "utf8");
  } catch {
    return "";
  }
}

async function describeAll(context: CommandContext): Promise<StateDescription[]> {
  const passwd = readPasswd();
  const list: StateDescription[] = [];
  for (const id of listIds(context.options.root)) {
    try {
      const container = findContainer(context.options.root, id);
      list.push({ ...(await describeState(container)), owner: ownerName(passwd, container.record.ownerUid) });
    } catch (error) {
      // What goes away meanwhile, or is no container's.
      if (!isGantryError(error, "not-found")) context.log.write("warning", formatError(error));
    }
  }
  return list;
}

export const command: RuntimeCommand = {
  usage: "[OPTIONS]",
  flags: { format: { takes: "text", short: "f" }, quiet: { takes: "nothing", short: "q" } },
  arguments: { min: 0, max: 0 },
  async run(context) {
    const { flags, host, options } = context;
    if (flags.has("quiet")) {
      host.print(
        listIds(options.root)
          .map((id) => `${id}\n`)
          .join(""),
      );
      return 0;
    }
    const format = flags.text("format") ?? "table";
    if (format !== "table" && format !== "json")
      throw new GantryError("invalid-argument", `invalid format option: ${format}, it is table or json`);
    const list = await describeAll(context);
    if (format === "json") {
      // Go's word for a list without anything.
      host.print(list.length === 0 ? "null" : JSON.stringify(list));
      return 0;
    }
    const rows = list.map(({ id, pid, status, bundle, created, owner }) => [
      id,
      String(pid),
      status,
      bundle,
      created,
      owner,
    ]);
    host.print(formatTable([["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"], ...rows]));
    return 0;
  },
};
