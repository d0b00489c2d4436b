import { GantryError } from "../../errors/gantry-error.ts";
import type { EngineContext } from "../engine-context.ts";
import { nameConflict, parseContainerName } from "./container-name.ts";

/** Gives a container another name; on disk when it resolves. */
export async function renameContainer(context: EngineContext, name: string, newName: string): Promise<void> {
  const { id } = context.records.resolve(name);
  if (newName === "") throw new GantryError("invalid-argument", "Neither old nor new names may be empty");
  const wanted = parseContainerName(newName);
  await context.locks.run(id, async () => {
    const record = context.records.require(id);
    if (record.name === wanted) {
      throw new GantryError("invalid-argument", "Renaming a container with the same name as its current name");
    }
    const owner = context.records.ownerOf(wanted) ?? context.reservedNames.get(wanted);
    if (owner !== undefined) throw nameConflict(wanted, owner);
    const renamed = { ...record, name: wanted };
    context.records.update(renamed, [context.event(renamed, "rename", { oldName: `/${record.name}` })], {
      isDurable: true,
    });
  });
}
