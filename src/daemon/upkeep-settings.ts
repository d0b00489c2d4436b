import { GRACE_MS } from "../distribution/repositories/repositories.ts";
import { DEFAULT_UPKEEP, type UpkeepConfig } from "../distribution/upkeep/upkeep-config.ts";
import { readRegistryConfig } from "./registry-config.ts";

/** What is configured of upkeep: by the `registry.toml` of the door that was opened last. */
export class UpkeepSettings {
  #path: string | undefined;
  #graceMs = 0;

  /** From now on that file holds, which was understood when it was read: its door is open. */
  use(path: string): void {
    this.#path = path;
  }

  /** What the file says now. @throws `invalid-argument` */
  read(path: string | undefined = this.#path): UpkeepConfig {
    const config = path === undefined ? DEFAULT_UPKEEP : (readRegistryConfig(path).upkeep ?? DEFAULT_UPKEEP);
    this.note(config);
    return config;
  }

  /** What a file said that was read already: its grace period holds from now on. */
  note({ collection }: UpkeepConfig): void {
    this.#graceMs = Math.max(this.#graceMs, collection.graceMs);
  }

  /** The longest that held since the start: clients were told of blobs under it. */
  graceMs(): number {
    return this.#graceMs === 0 ? GRACE_MS : this.#graceMs;
  }
}
