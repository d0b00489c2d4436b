import type { Filters } from "../../api/filters.ts";
import type { Container } from "../../engine/container/container.ts";
import { networkModeOf } from "./container-network.ts";
import { RequestError } from "./error-status.ts";

/** The names of filters that a list of containers takes. */
export const CONTAINER_FILTERS = [
  "ancestor",
  "before",
  "exited",
  "expose",
  "health",
  "id",
  "is-task",
  "label",
  "name",
  "network",
  "publish",
  "since",
  "status",
  "volume",
] as const;

const STATUSES: readonly string[] = ["created", "running", "paused", "restarting", "removing", "exited", "dead"];
const HEALTHS: readonly string[] = ["none", "starting", "healthy", "unhealthy"];

/** What is looked up to filter. */
export interface FilterContext {
  /** @throws `not-found` */
  readonly findContainer: (name: string) => Container;
  /** The id of an image, undefined if there is none of that name. */
  readonly findImageId: (name: string) => string | undefined;
}

/**
 * A test for the filters of one list. Of the values of one filter one must hold, of labels all.
 *
 * @throws 400 for a value that a filter does not take.
 */
export function containerFilter(filters: Filters, context: FilterContext): (container: Container) => boolean {
  checkValues(filters, "status", STATUSES);
  checkValues(filters, "health", HEALTHS);
  const exitCodes = filters.exited?.map((value) => {
    if (!/^-?\d{1,9}$/.test(value)) throw new RequestError(400, `invalid filter 'exited=${value}'`);
    return Number(value);
  });
  const isTask = filters["is-task"]?.map((value) => flagOf(value, "is-task"));
  const names = filters.name?.map((value) => nameMatcher(value));
  const imageIds = filters.ancestor?.map((name) => context.findImageId(name) ?? name);
  const before = lookup(filters.before, context);
  const since = lookup(filters.since, context);
  const published = filters.publish?.map((value) => portMatcher(value, "publish"));
  const exposed = filters.expose?.map((value) => portMatcher(value, "expose"));

  return (container) => {
    const { state, effective, name, id } = container;
    const some = <T>(values: readonly T[] | undefined, test: (value: T) => boolean): boolean =>
      values === undefined || values.length === 0 || values.some(test);
    return (
      some(filters.id, (value) => id.startsWith(value)) &&
      some(names, (matches) => matches(name) || matches(`/${name}`)) &&
      (filters.label ?? []).every((label) => hasLabel(effective.labels, label)) &&
      some(filters.status, (value) => state.status === value) &&
      // A container that never ran, or runs, has no exit code to compare.
      some(exitCodes, (code) => state.status === "exited" && state.exitCode === code) &&
      some(filters.health, (value) => value === "none") &&
      some(isTask, (value) => !value) &&
      some(imageIds, (value) => container.image.id === value || container.config.image === value) &&
      (before === undefined || container.createdAtNs < before.createdAtNs) &&
      (since === undefined || container.createdAtNs > since.createdAtNs) &&
      some(filters.volume, (value) =>
        container.mounts.some((mount) => mount.name === value || mount.source === value || mount.target === value),
      ) &&
      some(
        filters.network,
        (value) =>
          networkModeOf(container) === value ||
          container.network?.endpoint?.network === value ||
          (value !== "" && container.network?.endpoint?.networkId.startsWith(value) === true),
      ) &&
      some(published, (matches) =>
        (container.network?.endpoint?.ports ?? []).some((port) => matches(port.containerPort, port.protocol)),
      ) &&
      some(exposed, (matches) =>
        effective.exposedPorts.some((port) => {
          const [number = "", protocol = "tcp"] = port.split("/");
          return matches(Number(number), protocol);
        }),
      )
    );
  };
}

/** `KEY` or `KEY=VALUE`. */
export function hasLabel(labels: Readonly<Record<string, string>>, label: string): boolean {
  const equals = label.indexOf("=");
  if (equals === -1) return Object.hasOwn(labels, label);
  const key = label.slice(0, equals);
  return Object.hasOwn(labels, key) && labels[key] === label.slice(equals + 1);
}

/** Names are matched by regular expression, anywhere, as with Docker; what is none is taken literally. */
function nameMatcher(text: string): (name: string) => boolean {
  // Bounded, so that nobody makes the daemon search for an evening.
  if (text.length > 256 || /\([^)]*[+*][^)]*\)[+*{]/.test(text)) return (name) => name.includes(text);
  try {
    const pattern = new RegExp(text);
    return (name) => pattern.test(name);
  } catch {
    return (name) => name.includes(text);
  }
}

function portMatcher(text: string, filter: string): (port: number, protocol: string) => boolean {
  const [, first = "", last = first, wanted = "tcp"] = /^(\d{1,5})(?:-(\d{1,5}))?(?:\/(\w+))?$/.exec(text) ?? [];
  if (first === "") throw new RequestError(400, `invalid filter '${filter}=${text}'`);
  return (port, protocol) => port >= Number(first) && port <= Number(last) && protocol === wanted;
}

function lookup(names: readonly string[] | undefined, context: FilterContext): Container | undefined {
  const name = names?.at(-1);
  return name === undefined ? undefined : context.findContainer(name);
}

function flagOf(value: string, filter: string): boolean {
  if (value === "true" || value === "1") return true;
  if (value === "false" || value === "0") return false;
  throw new RequestError(400, `invalid filter '${filter}=${value}'`);
}

function checkValues(filters: Filters, name: string, known: readonly string[]): void {
  for (const value of filters[name] ?? []) {
    if (!known.includes(value)) {
      throw new RequestError(400, `invalid filter '${name}=${value}': must be one of ${known.join(", ")}`);
    }
  }
}
