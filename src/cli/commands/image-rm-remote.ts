import { defineCommand } from "../command.ts";
import { eachTarget } from "../each-target.ts";

export const command = defineCommand({
  usage: "NAME:TAG|NAME@DIGEST [NAME:TAG|NAME@DIGEST...]",
  flags: {},
  arguments: { min: 1 },
  async run({ terminal }, { positionals: names }) {
    const { RemoteRegistryTools } = await import("../../daemon/remote-registry-tools.ts");
    const tools = new RemoteRegistryTools(terminal.environment);
    return await eachTarget(terminal, names, async (name) => `Deleted: ${await tools.remove(name)}`);
  },
});
