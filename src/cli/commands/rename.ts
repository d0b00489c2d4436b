import { ApiError } from "../../api/api-error.ts";
import { defineCommand } from "../command.ts";

export const command = defineCommand({
  usage: "CONTAINER NEW_NAME",
  flags: {},
  arguments: { min: 2, max: 2 },
  async run({ connect }, { positionals: [oldName = "", newName = ""] }) {
    if (oldName.trim() === "" || newName.trim() === "") {
      throw new Error("Error: Neither old nor new names may be empty");
    }
    const api = await connect();
    try {
      await api.renameContainer(oldName, newName);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      throw new Error(
        `Error response from daemon: ${error.message}\nError: failed to rename container named ${oldName}`,
      );
    }
    return 0;
  },
});
