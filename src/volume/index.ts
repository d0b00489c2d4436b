export { VOLUME_MIGRATIONS } from "./volume-migrations.ts";
export { type Volume, VolumeStore, type VolumeStoreOptions } from "./volume-store.ts";
