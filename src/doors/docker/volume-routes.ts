import type { CreateVolumeRequest, VolumeResource } from "../../api/volume.ts";
import type { Container } from "../../engine/container/container.ts";
import { hasLabel } from "./container-filters.ts";
import type { DoorParts, DoorVolume } from "./door-parts.ts";
import { RequestError } from "./error-status.ts";
import { absent, checkFields, type FieldTable, served } from "./field-rules.ts";
import { throwProblems } from "./parse-create-request.ts";
import type { Route } from "./router.ts";
import { formatTimestamp } from "./timestamp.ts";

const VOLUME_FILTERS = ["dangling", "driver", "label", "name"];

const CREATE_VOLUME_FIELDS: FieldTable<CreateVolumeRequest> = {
  Name: served("text"),
  Driver: absent("--driver", "local"),
  DriverOpts: absent("--opt"),
  Labels: served("text-map"),
};

export function volumeRoutes({ volumes, engine }: DoorParts): readonly Route[] {
  const users = (name: string): readonly string[] =>
    engine
      .list()
      .filter((container) => usesVolume(container, name))
      .map(({ id }) => id);
  return [
    {
      method: "GET",
      path: "/volumes",
      handle(exchange) {
        const filters = exchange.query.filters(VOLUME_FILTERS);
        const some = (filter: string, test: (value: string) => boolean): boolean => filters[filter]?.some(test) ?? true;
        const found = volumes
          .list()
          .filter(
            (volume) =>
              some("name", (value) => volume.name.includes(value)) &&
              some("driver", (value) => value === "local") &&
              (filters.label ?? []).every((label) => hasLabel(volume.labels, label)) &&
              some("dangling", (value) => (users(volume.name).length === 0) === (value === "true" || value === "1")),
          );
        exchange.sendJson(200, { Volumes: found.map(describeVolume), Warnings: null });
      },
    },
    {
      method: "POST",
      path: "/volumes/create",
      async handle(exchange) {
        const body = await exchange.readJson();
        if (typeof body !== "object" || body === null || Array.isArray(body)) {
          throw new RequestError(400, "the request's body is not a JSON object");
        }
        throwProblems(checkFields(body as Record<string, unknown>, CREATE_VOLUME_FIELDS, ""));
        const { Name: name, Labels: labels } = body as CreateVolumeRequest;
        const { volume } = volumes.create({ ...(name ? { name } : {}), ...(labels ? { labels } : {}) });
        exchange.sendJson(201, describeVolume(volume));
      },
    },
    {
      method: "GET",
      path: "/volumes/{name}",
      handle: (exchange) => exchange.sendJson(200, describeVolume(volumes.inspect(exchange.parameter("name")))),
    },
    {
      method: "DELETE",
      path: "/volumes/{name}",
      async handle(exchange) {
        const name = exchange.parameter("name");
        await volumes.remove(name, { force: exchange.query.flag("force"), usedBy: users(name) });
        exchange.sendStatus(204);
      },
    },
  ];
}

function usesVolume(container: Container, name: string): boolean {
  return container.mounts.some((mount) => mount.type === "volume" && mount.name === name);
}

function describeVolume(volume: DoorVolume): VolumeResource {
  return {
    Name: volume.name,
    Driver: "local",
    Mountpoint: volume.mountpoint,
    CreatedAt: formatTimestamp(volume.createdAtNs),
    Labels: volume.isAnonymous ? { "com.docker.volume.anonymous": "", ...volume.labels } : volume.labels,
    Scope: "local",
    Options: null,
  };
}
