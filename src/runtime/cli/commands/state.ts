import { describeState } from "../../container/describe-state.ts";
import { findContainer } from "../../container/find-container.ts";
import type { RuntimeCommand } from "../runtime-command.ts";

export const command: RuntimeCommand = {
  usage: "CONTAINER-ID",
  flags: {},
  arguments: { min: 1, max: 1 },
  async run(context) {
    const [id = ""] = context.positionals;
    const description = await describeState(findContainer(context.options.root, id));
    context.host.print(`${JSON.stringify(description, undefined, 2)}\n`);
    return 0;
  },
};
