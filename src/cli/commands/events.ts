import type { EventMessage } from "../../api/system.ts";
import { defineCommand } from "../command.ts";
import { listFlag, textFlag } from "../flags/flag.ts";
import { formatRfc3339 } from "../format/local-time.ts";
import { formatFailure, parseFormat } from "../format/render-list.ts";
import type { Terminal } from "../terminal.ts";
import { collectFilters, parseFilter } from "../values/filter.ts";
import { parseTimestamp } from "../values/timestamp.ts";

const NS_PER_SECOND = 1_000_000_000;

/** `2024-01-31T10:00:00.000000000+01:00 container start ID (image=busybox, name=x)`. */
function formatEvent({ Type, Action, Actor, time, timeNano }: EventMessage, timeZone: Terminal["timeZone"]): string {
  const nanoseconds = Number(BigInt(Math.round(timeNano)) % BigInt(NS_PER_SECOND));
  const attributes = Object.entries(Actor.Attributes ?? {})
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}=${value}`);
  const tail = attributes.length === 0 ? "" : ` (${attributes.join(", ")})`;
  return `${formatRfc3339(time, timeZone, nanoseconds)} ${Type} ${Action} ${Actor.ID}${tail}\n`;
}

export const command = defineCommand({
  usage: "[OPTIONS]",
  flags: {
    filter: listFlag(parseFilter, "Show those that the condition holds for (name=value)", { short: "f" }),
    format: textFlag("How to print: json, or a Go template"),
    since: textFlag("Those from this time on too (or that long ago: 42m)"),
    until: textFlag("End at this time (or that long ago: 42m)"),
  },
  arguments: { min: 0, max: 0 },
  async run({ terminal, connect }, { flags }) {
    const { format } = flags;
    const template = format === undefined || format === "json" ? undefined : parseFormat(format);
    const sources = {
      nowMs: terminal.now(),
      localOffsetMinutes: (atMs: number) => terminal.timeZone(atMs).offsetMinutes,
    };
    const filters = collectFilters(flags.filter);
    const since = flags.since === undefined ? {} : { since: parseTimestamp(flags.since, sources) };
    const until = flags.until === undefined ? {} : { until: parseTimestamp(flags.until, sources) };
    const api = await connect();
    const events = await api.events({ ...since, ...until, ...(filters === undefined ? {} : { filters }) });
    for await (const event of events) {
      if (template === undefined) {
        const line = format === "json" ? `${JSON.stringify(event)}\n` : formatEvent(event, terminal.timeZone);
        await terminal.stdout.write(line);
        continue;
      }
      // Docker's template language knows these too: `{{.ID}}`, `{{.TimeNano}}`.
      const data = { ...event, Time: event.time, TimeNano: event.timeNano, Scope: event.scope, ID: event.Actor.ID };
      let line: string;
      try {
        line = template.render(data, { maps: new Set(["Attributes"]), isCaseIgnored: true });
      } catch (error) {
        throw formatFailure(error);
      }
      await terminal.stdout.write(`${line}\n`);
    }
    return 0;
  },
});
