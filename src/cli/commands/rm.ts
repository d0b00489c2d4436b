import { ApiError } from "../../api/api-error.ts";
import { defineCommand } from "../command.ts";
import { eachTarget } from "../each-target.ts";
import { absentSwitch, switchFlag } from "../flags/flag.ts";

export const command = defineCommand({
  usage: "[OPTIONS] CONTAINER [CONTAINER...]",
  flags: {
    force: switchFlag("Remove a container that runs (by SIGKILL)", { short: "f" }),
    link: absentSwitch({ short: "l" }),
    volumes: switchFlag("Remove the container's anonymous volumes too", { short: "v" }),
  },
  arguments: { min: 1 },
  async run({ terminal, connect }, { flags: { force, volumes }, positionals }) {
    const api = await connect();
    return eachTarget(terminal, positionals, async (given) => {
      const name = given.replace(/^\/+|\/+$/g, "");
      if (name === "") throw new Error("container name cannot be empty");
      try {
        await api.removeContainer(name, { force, volumes });
      } catch (error) {
        // With --force the wish is that it be gone: one that is not there is told, and is no failure.
        if (!force || !(error instanceof ApiError) || error.code !== "not-found") throw error;
        await terminal.stderr.write(`Error response from daemon: ${error.message}\n`);
        return undefined;
      }
      return given;
    });
  },
});
