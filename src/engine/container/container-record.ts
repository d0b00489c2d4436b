import type { ProcessIdentity } from "../dependencies.ts";
import type { Container } from "./container.ts";

/** What the database holds of a container: all that is not derived from its id and not in a process's memory. */
export interface ContainerRecord extends Omit<Container, "paths" | "execIds"> {
  readonly snapshot: {
    readonly chainId: string;
    /** Overlay lower folders, topmost first. */
    readonly lower: readonly string[];
  };
  /** Volumes made for this container alone: they go when it is removed with its volumes. */
  readonly anonymousVolumes: readonly string[];
  /** The boot in which it was created. */
  readonly createdInBoot: string;
  /** The processes of the present run; there from just before the launch until the end is recorded. */
  readonly run?: RunRecord;
}

export interface RunRecord {
  readonly bootId: string;
  /** Left out while it is being launched. */
  readonly init?: ProcessIdentity;
  readonly monitor?: ProcessIdentity;
}

/** The row's text. Nanoseconds do not fit JSON's numbers: they are written as strings. */
export function encodeContainerRecord(record: ContainerRecord): string {
  return JSON.stringify(record, (_key, value: unknown) => (typeof value === "bigint" ? value.toString() : value));
}

/** Reads a row that `encodeContainerRecord` wrote. */
export function decodeContainerRecord(text: string): ContainerRecord {
  const raw = JSON.parse(text) as ContainerRecord;
  const { startedAtNs, finishedAtNs } = raw.state;
  return {
    ...raw,
    createdAtNs: BigInt(raw.createdAtNs),
    state: {
      ...raw.state,
      ...(startedAtNs === undefined ? {} : { startedAtNs: BigInt(startedAtNs) }),
      ...(finishedAtNs === undefined ? {} : { finishedAtNs: BigInt(finishedAtNs) }),
    },
  };
}

/** True while it has processes. */
export function isRunning(record: Pick<ContainerRecord, "state">): boolean {
  return record.state.status === "running" || record.state.status === "paused";
}

/** Under what name a container holds its image. */
export function holderOf(id: string): string {
  return `container:${id}`;
}
