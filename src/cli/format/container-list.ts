import type { ContainerSummary, PortSummary } from "../../api/container.ts";
import { quote } from "../../go-template/format-value.ts";
import { familiarReference, parseReference } from "../../oci/reference.ts";
import type { Terminal } from "../terminal.ts";
import { ellipsis, humanDuration, humanSize, shortId } from "./human.ts";
import { formatLocalTime } from "./local-time.ts";
import type { ListFormat } from "./render-list.ts";

const COMMAND_COLUMNS = 20;
const MOUNT_COLUMNS = 15;

export interface ContainerListOptions {
  readonly isTruncated: boolean;
  /** Show the column of sizes. */
  readonly hasSize: boolean;
  readonly terminal: Pick<Terminal, "now" | "timeZone">;
}

/** The image as `ps` shows it: its digest is left away, and its long id shortened. */
function formatImage(container: ContainerSummary, isTruncated: boolean): string {
  if (container.Image === "") return "<no image>";
  if (!isTruncated) return container.Image;
  if (shortId(container.ImageID) === shortId(container.Image)) return shortId(container.ImageID);
  try {
    const { digest, ...reference } = parseReference(container.Image);
    if (digest === undefined && reference.tag === undefined)
      return familiarReference(reference).replace(/:latest$/, "");
    const shown = familiarReference(reference);
    return reference.tag === undefined ? shown.replace(/:latest$/, "") : shown;
  } catch {
    return container.Image; // an id, or a name of before our rules
  }
}

/** By characters' numbers, as Docker has it: a locale puts `::` before `0.0.0.0`. */
const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

const PROTOCOL_ORDER = (a: PortSummary, b: PortSummary): number =>
  a.PrivatePort - b.PrivatePort ||
  byText(a.IP ?? "", b.IP ?? "") ||
  (a.PublicPort ?? 0) - (b.PublicPort ?? 0) ||
  byText(a.Type, b.Type);

function formatRange(prefix: string, first: number, last: number, isPublished: boolean): string {
  const ports = first === last ? `${first}` : `${first}-${last}`;
  const [address = "", type = ""] = isPublished
    ? [prefix.slice(0, prefix.lastIndexOf("/")), prefix.slice(prefix.lastIndexOf("/") + 1)]
    : ["", prefix];
  if (!isPublished) return `${ports}/${type}`;
  return `${address}:${ports}->${ports}/${type}`;
}

/** `0.0.0.0:8080->80/tcp, [::]:8080->80/tcp, 443/tcp`: neighbours that map to themselves are joined to ranges. */
export function formatPorts(ports: readonly PortSummary[]): string {
  const groups = new Map<string, { first: number; last: number; isPublished: boolean }[]>();
  const mappings: string[] = [];
  for (const port of [...ports].sort(PROTOCOL_ORDER)) {
    const isPublished = port.IP !== undefined && port.IP !== "";
    const address = port.IP?.includes(":") ? `[${port.IP}]` : (port.IP ?? "");
    if (isPublished && port.PublicPort !== port.PrivatePort) {
      mappings.push(`${address}:${port.PublicPort}->${port.PrivatePort}/${port.Type}`);
      continue;
    }
    const key = isPublished ? `${address}/${port.Type}` : port.Type;
    const ranges = groups.get(key) ?? [];
    const last = ranges.at(-1);
    if (last !== undefined && port.PrivatePort <= last.last + 1) last.last = port.PrivatePort;
    else ranges.push({ first: port.PrivatePort, last: port.PrivatePort, isPublished });
    groups.set(key, ranges);
  }
  const joined = [...groups].flatMap(([key, ranges]) =>
    ranges.map(({ first, last, isPublished }) => formatRange(key, first, last, isPublished)),
  );
  return [...joined, ...mappings].join(", ");
}

const HEALTH_WORDS: readonly string[] = ["healthy", "unhealthy", "starting"];

function formatHealth(status: string): string {
  const health = /\((?:health: )?([a-z]+)\)$/.exec(status)?.[1] ?? "";
  return HEALTH_WORDS.includes(health) ? health : "";
}

/** `ps`'s lines. */
export function containerList({ isTruncated, hasSize, terminal }: ContainerListOptions): ListFormat<ContainerSummary> {
  const table = "{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}";
  return {
    table: hasSize ? `${table}\t{{.Size}}` : table,
    titles: {
      ID: "CONTAINER ID",
      Names: "NAMES",
      Image: "IMAGE",
      Command: "COMMAND",
      CreatedAt: "CREATED AT",
      RunningFor: "CREATED",
      Ports: "PORTS",
      State: "STATE",
      Status: "STATUS",
      Size: "SIZE",
      Labels: "LABELS",
      Mounts: "MOUNTS",
      LocalVolumes: "LOCAL VOLUMES",
      Networks: "NETWORKS",
      Platform: "PLATFORM",
      HealthStatus: "HEALTH STATUS",
    },
    titleMethods: { Label: (name) => String(name).split(".").at(-1)?.replaceAll(/[-_]/g, " ") },
    fields(container) {
      const names = container.Names.map((name) => name.replace(/^\//, ""));
      const written = humanSize(container.SizeRw ?? 0);
      const total = container.SizeRootFs ?? 0;
      const mounts = container.Mounts.map(({ Name, Source }) => Name || Source);
      return {
        ID: isTruncated ? shortId(container.Id) : container.Id,
        Names: isTruncated ? (names.find((name) => !name.includes("/")) ?? "") : names.join(","),
        Image: formatImage(container, isTruncated),
        Command: quote(isTruncated ? ellipsis(container.Command, COMMAND_COLUMNS) : container.Command),
        CreatedAt: formatLocalTime(container.Created, terminal.timeZone),
        RunningFor: `${humanDuration(terminal.now() / 1000 - container.Created)} ago`,
        Ports: formatPorts(container.Ports),
        State: container.State,
        Status: container.Status,
        Size: total > 0 ? `${written} (virtual ${humanSize(total)})` : written,
        Labels: Object.entries(container.Labels ?? {})
          .map(([name, value]) => `${name}=${value}`)
          .sort()
          .join(","),
        Label: (name: string) => container.Labels?.[name] ?? "",
        Mounts: mounts.map((mount) => (isTruncated ? ellipsis(mount, MOUNT_COLUMNS) : mount)).join(","),
        LocalVolumes: String(container.Mounts.filter(({ Driver }) => Driver === "local").length),
        Networks: Object.keys(container.NetworkSettings?.Networks ?? {}).join(","),
        Platform: null,
        HealthStatus: formatHealth(container.Status),
      };
    },
  };
}
