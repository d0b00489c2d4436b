import { GantryError } from "../../../errors/gantry-error.ts";
import { describeErrno, ERRNO } from "../../../platform/errno.ts";
import { findContainer } from "../../container/find-container.ts";
import { parseSignal } from "../../container/parse-signal.ts";
import { sendSignal } from "../../container/send-signal.ts";
import type { RuntimeCommand } from "../runtime-command.ts";

export const command: RuntimeCommand = {
  usage: "[OPTIONS] CONTAINER-ID [SIGNAL]",
  flags: { all: { takes: "nothing", short: "a" } },
  arguments: { min: 1, max: 2 },
  async run({ options, flags, positionals }) {
    const [id = "", name = "SIGTERM"] = positionals;
    const signal = parseSignal(name);
    const container = findContainer(options.root, id);
    const { init } = container.record;
    const status = await container.status();
    if (flags.has("all")) {
      const { cgroup } = await container.open();
      // Before there is an init, whoever is in groups that were there before the container is not its own.
      const group = init === undefined ? cgroup.group.only(cgroup.made ?? []) : cgroup.group;
      for (const pid of group.pids()) sendSignal({ pid }, signal);
    } else {
      if (status === "stopped" || status === "creating" || init === undefined)
        throw new GantryError("conflict", "container not running");
      const failure = sendSignal(init, signal);
      if (failure === ERRNO.ESRCH) throw new GantryError("conflict", "container not running");
      if (failure !== 0)
        throw new GantryError("permission-denied", `cannot send a signal to "${id}": ${describeErrno(failure)}`);
    }
    // In a v1 freezer it would be delivered only after `resume`.
    if (signal === 9 && status === "paused") await (await container.open()).cgroup.group.thaw();
    return 0;
  },
};
