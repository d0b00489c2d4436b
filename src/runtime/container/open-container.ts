import { detectCgroups } from "../../linux/cgroupfs/index.ts";
import type { Cgroup } from "../cgroup/cgroup.ts";
import { openCgroup } from "../cgroup/open-cgroup.ts";
import { type ContainerState, type ContainerStatus, readContainerState, statusOf } from "./container-state.ts";

/** A container that is there, with its control groups. */
export interface OpenContainer {
  readonly state: ContainerState;
  readonly cgroup: Cgroup;
  status(): ContainerStatus;
}

/** Whose control groups they are, and who keeps them. */
export async function openCgroupOf(
  state: Pick<ContainerState, "id" | "cgroup">,
  annotations: Readonly<Record<string, string>> | undefined,
): Promise<Cgroup> {
  const { driver, path, busAddress } = state.cgroup;
  const uid = process.geteuid?.() ?? 0;
  return await openCgroup({
    host: detectCgroups(),
    id: state.id,
    driver,
    ...(path === "" ? {} : { cgroupsPath: path }),
    ...(uid === 0 ? {} : { rootless: { uid, ...(busAddress === undefined ? {} : { busAddress }) } }),
    ...(annotations === undefined ? {} : { annotations }),
  });
}

/** @throws `not-found` for an unknown id. */
export async function openContainer(root: string, id: string): Promise<OpenContainer> {
  const state = readContainerState(root, id);
  const cgroup = await openCgroupOf(state, state.spec.annotations);
  return { state, cgroup, status: () => statusOf(state, () => cgroup.group.isFrozen()) };
}
