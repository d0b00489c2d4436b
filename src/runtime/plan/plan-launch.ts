import type { PlanStep } from "./steps.ts";

/** What the launcher does: the helper that comes in the place of `gantry runtime create|run|exec|restore`. */
export interface LaunchOptions {
  /** How many of the caller's descriptors from 3 on the program gets. */
  readonly preservedFds: number;
  /** Stay until the program has ended, hand signals on, and end as it does. */
  readonly isForeground: boolean;
  /** Init waits for `start`, and nobody waits for init. */
  readonly awaitsStart: boolean;
  readonly isSubreaper: boolean;
  /** After a foreground: `self` removes state and cgroups without another process where that is all there is. */
  readonly cleanUp: "never" | "self" | "again";
  readonly consoleSize?: { readonly height: number; readonly width: number };
  /** The state's folder; none for exec. */
  readonly folder?: string;
  readonly pidFile?: string;
  readonly consoleSocket?: string;
  /** The text of `state.json` before and after what tells who init is. */
  readonly state?: { readonly head: string; readonly tail: string };
  /** A process that keeps a systemd unit alive until init is in it; 0: none. */
  readonly holdPid: number;
  /** Init is there already, and our child: stay with it. @default make it */
  readonly adopted?: { readonly pid: number /** Of its terminal. */; readonly master?: number };
  /** A command that explains a failure and cleans up; its argument `outcomeAt` is replaced by what happened. */
  readonly again: readonly string[];
  readonly outcomeAt: number;
}

const CLEAN_UP = { never: 0, self: 1, again: 2 } as const;

/** The launcher's own step. */
export function planLaunch(options: LaunchOptions): PlanStep {
  return {
    op: "launch",
    preservedFds: options.preservedFds,
    foreground: options.isForeground ? 1 : 0,
    awaitsStart: options.awaitsStart ? 1 : 0,
    subreaper: options.isSubreaper ? 1 : 0,
    cleanUp: CLEAN_UP[options.cleanUp],
    rows: options.consoleSize?.height ?? 0,
    columns: options.consoleSize?.width ?? 0,
    outcomeAt: options.outcomeAt,
    holdPid: options.holdPid,
    adoptPid: options.adopted?.pid ?? 0,
    adoptMaster: options.adopted?.master ?? 0,
    folder: options.folder ?? "",
    pidFile: options.pidFile ?? "",
    consoleSocket: options.consoleSocket ?? "",
    stateHead: options.state?.head ?? "",
    stateTail: options.state?.tail ?? "",
    again: options.again,
    cause: "launch",
    task: "launch the container",
  };
}
