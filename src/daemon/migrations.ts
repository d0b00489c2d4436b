import { CONTENT_MIGRATIONS } from "../content/migrations.ts";
import { NOTIFICATION_MIGRATIONS } from "../distribution/notifications/notification-migrations.ts";
import { REGISTRY_MIGRATIONS } from "../distribution/repositories/migrations.ts";
import { ENGINE_MIGRATIONS } from "../engine/index.ts";
import { IDENTITY_MIGRATIONS } from "../identity/identity-migrations.ts";
import { FROM_HOST_MIGRATIONS } from "../image/from-host/migrations.ts";
import { IMAGE_MIGRATIONS } from "../image/migrations.ts";
import { NETWORK_MIGRATIONS } from "../network/network-records.ts";
import type { Migration } from "../state/migration.ts";
import { VOLUME_MIGRATIONS } from "../volume/index.ts";

/** The tables of all rooms; `src/state/migration.ts` has their ranges. */
export const MIGRATIONS: readonly Migration[] = [
  ...CONTENT_MIGRATIONS,
  ...IMAGE_MIGRATIONS,
  ...FROM_HOST_MIGRATIONS,
  ...ENGINE_MIGRATIONS,
  ...NETWORK_MIGRATIONS,
  ...VOLUME_MIGRATIONS,
  ...REGISTRY_MIGRATIONS,
  ...NOTIFICATION_MIGRATIONS,
  ...IDENTITY_MIGRATIONS,
];
