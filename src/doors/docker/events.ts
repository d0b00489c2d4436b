import type { Filters } from "../../api/filters.ts";
import { hasLabel } from "./container-filters.ts";
import type { DoorEvent, DoorParts } from "./door-parts.ts";
import { RequestError } from "./error-status.ts";
import type { Exchange } from "./exchange.ts";
import { parseTimestamp } from "./timestamp.ts";

const EVENT_FILTERS = [
  "config",
  "container",
  "daemon",
  "event",
  "image",
  "label",
  "network",
  "node",
  "plugin",
  "scope",
  "secret",
  "service",
  "type",
  "volume",
];

/** `GET /events`: with `since` what was, then what comes, up to `until`. */
export async function sendEvents(exchange: Exchange, { events }: DoorParts): Promise<void> {
  const { query, signal } = exchange;
  const since = query.text("since");
  const until = query.text("until");
  const sinceNs = since === undefined ? undefined : parseTimestamp(since, "since");
  const untilNs = until === undefined ? undefined : parseTimestamp(until, "until");
  if (sinceNs !== undefined && untilNs !== undefined && untilNs < sinceNs) {
    throw new RequestError(400, `\`since\` time (${since}) cannot be after \`until\` time (${until})`);
  }
  const matches = eventFilter(query.filters(EVENT_FILTERS));
  // The place in the log is taken before the client is told that it is listening.
  const subscription = events.subscribe({
    ...(sinceNs === undefined ? {} : { sinceNs }),
    ...(untilNs === undefined ? {} : { untilNs }),
    signal,
  });
  const stream = exchange.openStream("application/json");
  for await (const event of subscription) {
    if (matches(event)) await stream.write(formatEvent(event));
  }
  stream.end();
}

/** One line. The nanoseconds are more than a JavaScript number holds, so they are put in as digits. */
function formatEvent(event: DoorEvent): string {
  const hasOldFields = event.type === "container" || event.type === "image";
  const from = event.type === "container" ? event.attributes.image : undefined;
  const line = JSON.stringify({
    ...(hasOldFields ? { status: event.action, id: event.actorId, ...(from === undefined ? {} : { from }) } : {}),
    Type: event.type,
    Action: event.action,
    Actor: { ID: event.actorId, Attributes: event.attributes },
    scope: "local",
    time: Number(event.timeNs / 1_000_000_000n),
  });
  return `${line.slice(0, -1)},"timeNano":${event.timeNs}}\n`;
}

function eventFilter(filters: Filters): (event: DoorEvent) => boolean {
  const some = (values: readonly string[] | undefined, test: (value: string) => boolean): boolean =>
    values === undefined || values.length === 0 || values.some(test);
  const isActor = (event: DoorEvent, type: string, value: string): boolean =>
    event.type === type &&
    (event.actorId === value ||
      (value !== "" && event.actorId.startsWith(value)) ||
      event.attributes.name === value ||
      (type === "image" && withoutTag(event.attributes.name ?? event.actorId) === value));
  return (event) =>
    // `exec_create: sh -c …` is found by its first word, too.
    some(filters.event, (value) => event.action === value || event.action.startsWith(`${value}:`)) &&
    some(filters.type, (value) => event.type === value) &&
    some(filters.scope, (value) => value === "local") &&
    (filters.label ?? []).every((label) => hasLabel(event.attributes, label)) &&
    some(filters.container, (value) => isActor(event, "container", value)) &&
    some(
      filters.image,
      (value) =>
        isActor(event, "image", value) ||
        (event.type === "container" &&
          (event.attributes.image === value || withoutTag(event.attributes.image ?? "") === value)),
    ) &&
    some(filters.network, (value) => isActor(event, "network", value)) &&
    some(filters.volume, (value) => isActor(event, "volume", value)) &&
    some(filters.daemon, (value) => isActor(event, "daemon", value)) &&
    // Kinds of objects that there are none of.
    ["config", "node", "plugin", "secret", "service"].every((type) => some(filters[type], () => false));
}

function withoutTag(name: string): string {
  return name.replace(/(?::[^/:]+)?(?:@.*)?$/, "");
}
