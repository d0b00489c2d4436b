import { setTimeout as delay } from "node:timers/promises";
import { GantryError } from "../../../errors/gantry-error.ts";
import { watchOom } from "../../../linux/cgroupfs/watch-oom.ts";
import { readEventStats } from "../../cgroup/event-stats.ts";
import { type Json, stringifyExact } from "../../cgroup/exact-json.ts";
import { type OpenContainer, openContainer } from "../../container/open-container.ts";
import type { RuntimeCommand } from "../runtime-command.ts";

const DEFAULT_INTERVAL = "5s";
const UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** A duration as Go has it: `1.5s`, `1m30s`. @throws `invalid-argument` for one that is not above 0. */
export function parseInterval(text: string): number {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)];
  const whole = parts.map(([part]) => part).join("");
  const ms = parts.reduce((sum, [, count, unit]) => sum + Number(count) * (UNITS_MS[unit ?? ""] ?? 0), 0);
  if (whole !== text || ms <= 0)
    throw new GantryError("invalid-argument", `duration interval must be greater than 0: ${JSON.stringify(text)}`);
  return ms;
}

function versionOf({ cgroup }: OpenContainer): 1 | 2 {
  return cgroup.folders.some(({ version }) => version === 1) ? 1 : 2;
}

export const command: RuntimeCommand = {
  usage: "[OPTIONS] CONTAINER-ID",
  flags: { interval: { takes: "text" }, stats: { takes: "nothing" } },
  arguments: { min: 1, max: 1 },
  async run({ flags, host, options, positionals }) {
    const intervalMs = parseInterval(flags.text("interval") ?? DEFAULT_INTERVAL);
    const container = await openContainer(options.root, positionals[0] ?? "");
    const { id } = container.state;
    if (container.status() === "stopped") throw new GantryError("conflict", `container with id ${id} is not running`);
    const version = versionOf(container);
    const print = (event: Readonly<Record<string, Json>>): void => host.print(`${stringifyExact(event)}\n`);
    const printStats = (): void => print({ type: "stats", id, data: readEventStats(container.cgroup.group, version) });
    if (flags.has("stats")) {
      printStats();
      return 0;
    }
    using watch = watchOom(container.cgroup.group, version, () => print({ type: "oom", id }));
    let hasEnded = false;
    const ended = watch.ended.then(() => {
      hasEnded = true;
    });
    while (!hasEnded && container.status() !== "stopped") {
      const timer = new AbortController();
      await Promise.race([ended, delay(intervalMs, undefined, { signal: timer.signal }).catch(() => undefined)]);
      timer.abort();
      if (!hasEnded && container.status() !== "stopped") printStats();
    }
    return 0;
  },
};
