import type { ContainerStateResource } from "../../api/container.ts";
import type { Container } from "../../engine/container/container.ts";
import { formatHumanDuration } from "./human-duration.ts";
import { formatTimestamp } from "./timestamp.ts";

/** `State` of an inspected container. */
export function describeState({ state }: Container): ContainerStateResource {
  return {
    Status: state.status,
    Running: state.status === "running" || state.status === "paused",
    Paused: state.status === "paused",
    Restarting: false,
    OOMKilled: state.oomKilled,
    Dead: state.status === "dead",
    Pid: state.pid,
    ExitCode: state.exitCode,
    Error: state.error,
    StartedAt: formatTimestamp(state.startedAtNs),
    FinishedAt: formatTimestamp(state.finishedAtNs),
  };
}

/** The status in words, as lists show it: `Up 5 seconds`, `Exited (0) 2 minutes ago`. */
export function formatStatus({ state }: Container, nowMs: number): string {
  const since = (timeNs: bigint | undefined): string =>
    formatHumanDuration(timeNs === undefined ? 0 : nowMs - Number(timeNs / 1_000_000n));
  switch (state.status) {
    case "created":
      return "Created";
    case "running":
      return `Up ${since(state.startedAtNs)}`;
    case "paused":
      return `Up ${since(state.startedAtNs)} (Paused)`;
    case "removing":
      return "Removal In Progress";
    case "dead":
      return "Dead";
    case "exited":
      return state.finishedAtNs === undefined
        ? `Exited (${state.exitCode})`
        : `Exited (${state.exitCode}) ${since(state.finishedAtNs)} ago`;
  }
}
