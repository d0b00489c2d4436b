import type { OpenContainer } from "./open-container.ts";

/** What `state` prints: the specification's members, and those that runc adds. */
export interface StateDescription {
  readonly ociVersion: string;
  readonly id: string;
  readonly pid: number;
  readonly status: string;
  readonly bundle: string;
  readonly rootfs: string;
  readonly created: string;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly owner: string;
}

export function describeState(container: OpenContainer): StateDescription {
  const { state } = container;
  const { annotations } = state.spec;
  const status = container.status();
  return {
    ociVersion: state.spec.ociVersion,
    id: state.id,
    pid: status === "stopped" ? 0 : (state.init?.pid ?? 0),
    status,
    bundle: state.bundle,
    rootfs: state.rootfs,
    created: state.created,
    ...(annotations === undefined ? {} : { annotations }),
    owner: "",
  };
}
