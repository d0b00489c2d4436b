import { defineCommand } from "../command.ts";

export const command = defineCommand({
  usage: "CONTAINER NEW_NAME",
  flags: {},
  arguments: { min: 2, max: 2 },
  async run({ connect }, { positionals: [oldName = "", newName = ""] }) {
    if (oldName.trim() === "" || newName.trim() === "") {
      throw new Error("Error: Neither old nor new names may be empty");
    }
    await (await connect()).renameContainer(oldName, newName);
    return 0;
  },
});
