import { CONTENT_MIGRATIONS } from "../content/migrations.ts";
import { REGISTRY_MIGRATIONS } from "../distribution/repositories/migrations.ts";
import { ENGINE_MIGRATIONS } from "../engine/index.ts";
import { FROM_HOST_MIGRATIONS } from "../image/from-host/migrations.ts";
import { IMAGE_MIGRATIONS } from "../image/migrations.ts";
import { NETWORK_MIGRATIONS } from "../network/network-records.ts";
import type { Migration } from "../state/migration.ts";
import { VOLUME_MIGRATIONS } from "../volume/index.ts";

/** The tables of all rooms: content and images 100–199, engine 200–299, networks 300–399, volumes 400–499, registry 500–599. */
export const MIGRATIONS: readonly Migration[] = [
  ...CONTENT_MIGRATIONS,
  ...IMAGE_MIGRATIONS,
  ...FROM_HOST_MIGRATIONS,
  ...ENGINE_MIGRATIONS,
  ...NETWORK_MIGRATIONS,
  ...VOLUME_MIGRATIONS,
  ...REGISTRY_MIGRATIONS,
];
