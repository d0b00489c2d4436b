import { GantryError } from "../../errors/gantry-error.ts";
import { withoutSync } from "../../state/without-sync.ts";
import type { EngineEvent, EngineState } from "../dependencies.ts";
import { type ContainerRecord, decodeContainerRecord, encodeContainerRecord } from "./container-record.ts";

/**
 * The containers' rows. Each mutation is one transaction together with its events, so that what was recorded was told
 * and what was told was recorded. Rows are kept in memory as well: a root has one daemon, so nobody else writes them.
 */
export class ContainerRecords {
  readonly #state: EngineState;
  readonly #byId = new Map<string, ContainerRecord>();
  readonly #idByName = new Map<string, string>();

  constructor(state: EngineState) {
    this.#state = state;
    const rows = state.db.query("SELECT record FROM engine_containers").all() as { record: string }[];
    for (const row of rows) this.#remember(decodeContainerRecord(row.record));
  }

  /** Newest first. */
  list(): readonly ContainerRecord[] {
    return [...this.#byId.values()].sort((a, b) => (a.createdAtNs < b.createdAtNs ? 1 : -1));
  }

  get(id: string): ContainerRecord | undefined {
    return this.#byId.get(id);
  }

  /** Who has this name. */
  ownerOf(name: string): string | undefined {
    return this.#idByName.get(name);
  }

  /**
   * Finds a container as Docker does: by its whole id, then by its name, then by a prefix that only one id has.
   *
   * @throws `not-found`, or `invalid-argument` for a prefix of several ids.
   */
  resolve(name: string): ContainerRecord {
    const plain = name.startsWith("/") ? name.slice(1) : name;
    const exact = this.#byId.get(plain) ?? this.#byId.get(this.#idByName.get(plain) ?? "");
    if (exact !== undefined) return exact;
    if (/^[0-9a-f]{1,64}$/.test(plain)) {
      const matches = [...this.#byId.values()].filter((record) => record.id.startsWith(plain));
      if (matches.length > 1) {
        throw new GantryError("invalid-argument", `multiple IDs found with provided prefix: ${plain}`, {
          hint: "give more digits of the id",
        });
      }
      if (matches[0] !== undefined) return matches[0];
    }
    throw new GantryError("not-found", `No such container: ${name}`);
  }

  /** Like `resolve`, for code that holds an id and may find the container gone. */
  require(id: string): ContainerRecord {
    const record = this.#byId.get(id);
    if (record === undefined) throw new GantryError("not-found", `No such container: ${id}`);
    return record;
  }

  /**
   * Safe against power loss, unless the container removes itself.
   *
   * @param also more to be done in the same transaction.
   */
  insert(record: ContainerRecord, events: readonly EngineEvent[], also: () => void = () => {}): void {
    this.#commit(events, !isCheap(record), () => {
      also();
      this.#state.db
        .query("INSERT INTO engine_containers (id, name, record) VALUES (?, ?, ?)")
        .run(record.id, record.name, encodeContainerRecord(record));
    });
    this.#remember(record);
  }

  /**
   * Replaces a container's row.
   *
   * @param options.isDurable wait for the disk (default false: safe against a killed process, not against power loss).
   */
  update(
    record: ContainerRecord,
    events: readonly EngineEvent[],
    options: { readonly isDurable?: boolean } = {},
  ): ContainerRecord {
    const before = this.require(record.id);
    this.#commit(events, (options.isDurable ?? false) && !isCheap(record), () => {
      this.#state.db
        .query("UPDATE engine_containers SET name = ?, record = ? WHERE id = ?")
        .run(record.name, encodeContainerRecord(record), record.id);
    });
    if (before.name !== record.name) this.#idByName.delete(before.name);
    this.#remember(record);
    return record;
  }

  /**
   * Safe against power loss, unless the container removes itself.
   *
   * @param also more to be done in the same transaction.
   */
  delete(id: string, events: readonly EngineEvent[], also: () => void = () => {}): void {
    const record = this.#byId.get(id);
    if (record === undefined) return;
    this.#commit(events, !isCheap(record), () => {
      also();
      this.#state.db.query("DELETE FROM engine_containers WHERE id = ?").run(id);
    });
    this.#byId.delete(id);
    this.#idByName.delete(record.name);
  }

  /** An event that changes no row. */
  tell(event: EngineEvent): void {
    this.#commit([event], false, () => {});
  }

  #remember(record: ContainerRecord): void {
    this.#byId.set(record.id, record);
    this.#idByName.set(record.name, record.id);
  }

  #commit(events: readonly EngineEvent[], isDurable: boolean, body: () => void): void {
    const commit = (): void =>
      this.#state.transaction(() => {
        body();
        for (const event of events) this.#state.events.append({ ...event, attributes: { ...event.attributes } });
      });
    if (isDurable) commit();
    else withoutSync(this.#state.db, commit);
  }
}

/** What removes itself is not worth an fsync: after a power cut it would only be removed. */
function isCheap(record: ContainerRecord): boolean {
  return record.config.autoRemove === true;
}
