import { GantryError } from "../../../errors/gantry-error.ts";
import { openContainer } from "../../container/open-container.ts";
import type { RuntimeCommand } from "../runtime-command.ts";

/** The lines of ps(1) that are about these processes, below its first one; its column PID says which. */
export function selectProcesses(output: string, pids: ReadonlySet<number>): string {
  const [header = "", ...lines] = output.split("\n");
  const column = header.trim().split(/\s+/).indexOf("PID");
  if (column < 0) throw new GantryError("invalid-argument", "couldn't find PID field in ps output");
  const own = lines.filter((line) => pids.has(Number(line.trim().split(/\s+/)[column])));
  return [header, ...own, ""].join("\n");
}

export const command: RuntimeCommand = {
  usage: "[OPTIONS] CONTAINER-ID [PS OPTIONS]",
  flags: { format: { takes: "text", short: "f" } },
  arguments: { min: 1, max: Number.POSITIVE_INFINITY },
  isInterspersed: true,
  async run({ flags, host, options, positionals }) {
    const [id = "", ...wanted] = positionals;
    const format = flags.text("format") ?? "table";
    if (format !== "table" && format !== "json")
      throw new GantryError("invalid-argument", `invalid format option: ${format}, it is table or json`);
    const { cgroup } = await openContainer(options.root, id);
    const pids = cgroup.group.pids();
    if (format === "json") {
      host.print(pids.length === 0 ? "null\n" : `${JSON.stringify(pids)}\n`);
      return 0;
    }
    // The options are ps's own: nobody else can know them all.
    const { spawnSync } = await import("node:child_process");
    const result = spawnSync("ps", wanted.length === 0 ? ["-ef"] : wanted, { encoding: "utf8" });
    if (result.error !== undefined)
      throw new GantryError("unsupported", "cannot execute ps", { hint: "Debian: apt-get install procps" });
    if (result.status !== 0)
      throw new GantryError("invalid-argument", `ps: exit status ${result.status}: ${result.stderr.trim()}`);
    host.print(selectProcesses(result.stdout, new Set(pids)));
    return 0;
  },
};
