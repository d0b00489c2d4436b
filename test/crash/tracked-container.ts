/** What a container of the crash test does. */
export type Kind = "counts" | "ends" | "idles";

/** How many lines a container that ends by itself prints, and its status then. */
export const LINES = 30;
export const STATUS = 3;

export const COMMANDS: Readonly<Record<Kind, string>> = {
  counts: "i=0; while :; do echo $i; i=$((i+1)); usleep 3000; done",
  ends: `i=0; while [ $i -lt ${LINES} ]; do echo $i; i=$((i+1)); usleep 4000; done; exit ${STATUS}`,
  idles: "exec sleep 1000",
};

export type Phase = "absent" | "created" | "running" | "ended";

/** A container as this test knows it: what was acknowledged, and what was asked for and not answered. */
export interface TrackedContainer {
  readonly name: string;
  readonly kind: Kind;
  readonly isRemovedAtEnd: boolean;
  readonly hasNetwork: boolean;
  readonly hasPort: boolean;
  readonly hasVolume: boolean;
  readonly sharesMemory: boolean;
  id: string | undefined;
  phase: Phase;
  /** Asked of the daemon when it was killed. */
  pending: "create" | "start" | "kill" | "remove" | undefined;
  /** Of the run that was acknowledged. */
  run: { readonly pid: number; readonly startedAt: string } | undefined;
  /** Statuses that it may have ended with. */
  readonly statuses: Set<number>;
  /** Its monitor was killed. */
  isLost: boolean;
  /** How often it was asked to start: one that was broken off may have run, and a boot may have ended that. */
  starts: number;
  /** Lines that were seen in its log. */
  lines: number;
}

/** What a container may be when the daemon is back. */
export function allowedPhases(container: TrackedContainer): ReadonlySet<Phase> {
  const { phase, pending, kind, isRemovedAtEnd, statuses } = container;
  const allowed = new Set<Phase>([phase]);
  const mayEnd = kind === "ends" || statuses.size > 0;
  if (pending === "create") allowed.add("created");
  if (pending === "start") allowed.add("running");
  if (allowed.has("running") && (mayEnd || pending === "kill" || pending === "remove")) allowed.add("ended");
  if (pending === "remove" || (allowed.has("ended") && isRemovedAtEnd)) allowed.add("absent");
  return allowed;
}
