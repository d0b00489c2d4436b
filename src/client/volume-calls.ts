import type { VolumeApi } from "../api/engine-api.ts";
import { encodeFilters } from "../api/filters.ts";
import type { VolumeList, VolumeResource } from "../api/volume.ts";
import { type Caller, segment } from "./caller.ts";

export function volumeCalls(caller: Caller): VolumeApi {
  return {
    listVolumes({ signal, filters } = {}) {
      return caller.json<VolumeList>("GET", "/volumes", { query: { filters: encodeFilters(filters) }, signal });
    },
    createVolume: (request, { signal } = {}) =>
      caller.json<VolumeResource>("POST", "/volumes/create", { json: request, signal }),
    inspectVolume: (name, options = {}) => caller.json<VolumeResource>("GET", `/volumes/${segment(name)}`, options),
    async removeVolume(name, { signal, force } = {}) {
      await caller.status("DELETE", `/volumes/${segment(name)}`, { query: { force }, signal });
    },
  };
}
