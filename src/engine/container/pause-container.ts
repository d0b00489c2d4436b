import { GantryError } from "../../errors/gantry-error.ts";
import type { EngineContext } from "../engine-context.ts";

/**
 * Freezes every process of a container.
 *
 * @throws `conflict` unless it runs.
 */
export async function pauseContainer(context: EngineContext, name: string): Promise<void> {
  const { id } = context.records.resolve(name);
  await context.locks.run(id, async () => {
    const record = context.records.require(id);
    if (record.state.status === "paused") throw new GantryError("conflict", `Container ${id} is already paused`);
    if (record.state.status !== "running") throw new GantryError("conflict", `Container ${id} is not running`);
    await context.cgroup(id).freeze();
    context.records.update({ ...record, state: { ...record.state, status: "paused" } }, [
      context.event(record, "pause"),
    ]);
  });
}

/** @throws `conflict` unless it is paused. */
export async function unpauseContainer(context: EngineContext, name: string): Promise<void> {
  const { id } = context.records.resolve(name);
  await context.locks.run(id, async () => {
    const record = context.records.require(id);
    if (record.state.status !== "paused") throw new GantryError("conflict", `Container ${id} is not paused`);
    await context.cgroup(id).thaw();
    context.records.update({ ...record, state: { ...record.state, status: "running" } }, [
      context.event(record, "unpause"),
    ]);
  });
}
