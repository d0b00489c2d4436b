import { describeState } from "../../container/describe-state.ts";
import { openContainer } from "../../container/open-container.ts";
import type { RuntimeCommand } from "../runtime-command.ts";

export const command: RuntimeCommand = {
  usage: "CONTAINER-ID",
  flags: {},
  arguments: { min: 1, max: 1 },
  async run(context) {
    const [id = ""] = context.positionals;
    const description = describeState(await openContainer(context.options.root, id));
    context.host.print(`${JSON.stringify(description, undefined, 2)}\n`);
    return 0;
  },
};
