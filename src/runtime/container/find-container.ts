import { isFrozen } from "../../linux/cgroupfs/is-frozen.ts";
import { type ContainerRecord, type ContainerStatus, readContainerRecord, statusOf } from "./container-state.ts";
import type { OpenContainer } from "./open-container.ts";

/** A container as far as its record tells. */
export interface FoundContainer {
  readonly record: ContainerRecord;
  status(): Promise<ContainerStatus>;
  /** Loads what reads configurations and acts on control groups, several times the code of all this. */
  open(): Promise<OpenContainer>;
}

/** For calls that engines make again and again, and that need little of a container. @throws as `readContainerRecord` */
export function findContainer(root: string, id: string): FoundContainer {
  const record = readContainerRecord(root, id);
  let opened: Promise<OpenContainer> | undefined;
  const open = (): Promise<OpenContainer> => {
    opened ??= import("./open-container.ts").then(({ openContainer }) => openContainer(root, id));
    return opened;
  };
  return {
    record,
    open,
    async status() {
      const { folders } = record.cgroup;
      return folders === undefined ? (await open()).status() : statusOf(record, () => folders.some(isFrozen));
    },
  };
}
