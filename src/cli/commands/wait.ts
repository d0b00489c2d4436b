import type { EngineApi } from "../../api/engine-api.ts";
import { isGantryError } from "../../errors/gantry-error.ts";
import { acrossRestarts } from "../across-restarts.ts";
import { defineCommand } from "../command.ts";
import { eachTarget } from "../each-target.ts";

export const command = defineCommand({
  usage: "CONTAINER [CONTAINER...]",
  flags: {},
  arguments: { min: 1 },
  async run(context, { positionals }) {
    const api = await context.connect();
    return eachTarget(context.terminal, positionals, async (name) => {
      const id = await idOf(api, name);
      const { StatusCode, Error: error } = await acrossRestarts(
        context,
        async (again) => (await again.waitContainer(id)).result,
      );
      if (error?.Message) throw new Error(error.Message);
      return String(StatusCode);
    });
  },
});

/** By its id it is found even if it is removed meanwhile. */
async function idOf(api: EngineApi, name: string): Promise<string> {
  try {
    return (await api.inspectContainer(name)).Id;
  } catch (error) {
    if (isGantryError(error, "not-found")) return name;
    throw error;
  }
}
