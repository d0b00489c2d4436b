import { defineCommand } from "../command.ts";
import { planContainerRequest } from "../container/container-request.ts";
import { checkPullPolicy, createContainer } from "../container/create-container.ts";
import { CONTAINER_FLAGS, CREATION_FLAGS } from "../container/run-flags.ts";

export const command = defineCommand({
  usage: "[OPTIONS] IMAGE [COMMAND] [ARG...]",
  flags: { ...CONTAINER_FLAGS, ...CREATION_FLAGS },
  arguments: { min: 1 },
  isInterspersed: false,
  errorsOf: "creation",
  async run(context, input) {
    checkPullPolicy(input.flags.pull);
    const id = await createContainer(context, planContainerRequest(input, context.terminal), input.flags);
    await context.terminal.stdout.write(`${id}\n`);
    return 0;
  },
});
