import { detectCgroups } from "../../linux/cgroupfs/index.ts";
import type { Cgroup } from "../cgroup/cgroup.ts";
import { openCgroup } from "../cgroup/open-cgroup.ts";
import { parseJson } from "../spec/parse-json.ts";
import { shapeRuntimeSpec } from "../spec/parse-runtime-spec.ts";
import { type ContainerState, type ContainerStatus, readStateText, recordOf, statusOf } from "./container-state.ts";
import { STATE_FILE } from "./state-folder.ts";

/** A container that is there, its configuration read, with its control groups. */
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
  const { driver, path, busAddress, folders, made } = state.cgroup;
  const uid = process.geteuid?.() ?? 0;
  return await openCgroup({
    host: detectCgroups(),
    id: state.id,
    driver,
    ...(path === "" ? {} : { cgroupsPath: path }),
    ...(folders === undefined ? {} : { folders }),
    ...(made === undefined ? {} : { made }),
    ...(uid === 0 ? {} : { rootless: { uid, ...(busAddress === undefined ? {} : { busAddress }) } }),
    ...(annotations === undefined ? {} : { annotations }),
  });
}

/** @throws as `readContainerRecord` */
function readContainerState(root: string, id: string): ContainerState {
  const parsed = parseJson(readStateText(root, id));
  const record = recordOf("value" in parsed ? parsed.value : undefined, { root, id });
  return { ...record, spec: shapeRuntimeSpec(record.config, STATE_FILE) };
}

/** @throws as `readContainerRecord` */
export async function openContainer(root: string, id: string): Promise<OpenContainer> {
  const state = readContainerState(root, id);
  const cgroup = await openCgroupOf(state, state.spec.annotations);
  return { state, cgroup, status: () => statusOf(state, () => cgroup.group.isFrozen()) };
}
