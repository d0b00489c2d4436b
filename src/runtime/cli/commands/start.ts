import { findContainer } from "../../container/find-container.ts";
import { startContainer } from "../../container/start-container.ts";
import type { RuntimeCommand } from "../runtime-command.ts";

export const command: RuntimeCommand = {
  usage: "CONTAINER-ID",
  flags: {},
  arguments: { min: 1, max: 1 },
  async run(context) {
    const [id = ""] = context.positionals;
    await startContainer(findContainer(context.options.root, id), (message) => context.log.write("warning", message));
    return 0;
  },
};
