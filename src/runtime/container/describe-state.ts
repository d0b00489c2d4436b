import type { FoundContainer } from "./find-container.ts";

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

export async function describeState(container: FoundContainer): Promise<StateDescription> {
  const { id, bundle, rootfs, created, init, config } = container.record;
  const { ociVersion = "", annotations } = config;
  const status = await container.status();
  return {
    ociVersion,
    id,
    pid: status === "stopped" ? 0 : (init?.pid ?? 0),
    status,
    bundle,
    rootfs,
    created,
    ...(annotations === undefined ? {} : { annotations }),
    owner: "",
  };
}
