import type { DigestAlgorithm } from "../../../oci/digest.ts";
import type { State } from "../../../state/state.ts";
import { withoutSync } from "../../../state/without-sync.ts";
import type { RepositoryName } from "../repository-name.ts";
import type { PendingBytes } from "./pending-bytes.ts";
import { UploadIndex } from "./upload-index.ts";

/** Bytes of which nobody has said yet which blob they are. */
export interface UnfinishedUpload {
  readonly repository: RepositoryName;
  readonly algorithm: DigestAlgorithm;
  readonly sizeBytes: number;
  readonly touchedMs: number;
  /** Who began it; undefined for nobody with a name. */
  readonly user: string | undefined;
}

interface UploadRow {
  readonly id: string;
  readonly repository: RepositoryName;
  readonly algorithm: DigestAlgorithm;
  readonly user: string | null;
}

/**
 * Which uploads have bytes, whether or not anybody sends at the moment: they take room that quotas count (`PendingBytes` is told of each).
 * A row says whose each is, so that after a restart all are known at once. Rows are as durable as the bytes that they speak of: against a killed
 * process.
 */
export class UnfinishedUploads {
  readonly #state: State;
  readonly #uploads = new UploadIndex<UnfinishedUpload>();
  readonly #pending: PendingBytes;

  /** @param find looks for what a row speaks of; a row of nothing goes. */
  constructor(
    { state, pending }: { readonly state: State; readonly pending: PendingBytes },
    find: (upload: UploadRow) => Pick<UnfinishedUpload, "sizeBytes" | "touchedMs"> | undefined,
  ) {
    this.#state = state;
    this.#pending = pending;
    this.#write(() => {
      for (const row of state.db.query<UploadRow, []>("SELECT * FROM repository_uploads").all()) {
        const found = find(row);
        if (found === undefined) this.#deleteRow(row.id);
        else this.#set(row.id, { ...row, ...found, user: row.user ?? undefined });
      }
    });
  }

  get(id: string): UnfinishedUpload | undefined {
    return this.#uploads.get(id);
  }

  /** Those of one repository, by id; also those that are noted and have no byte yet. Changes with what is noted and forgotten. */
  in(repository: RepositoryName): ReadonlyMap<string, UnfinishedUpload> {
    return this.#uploads.in(repository);
  }

  /** Notes how far an upload is. The first time before its first byte is written. @throws `exhausted` */
  note(id: string, upload: UnfinishedUpload): void {
    if (this.#uploads.get(id) === undefined) this.#insertRow(id, upload);
    this.#set(id, upload);
  }

  /**
   * It is a blob now, or nothing. Idempotent; in the transaction that is open, if one is: where that fails, this is to be called again, for it
   * counts no more, and its row is still there.
   */
  forget(id: string): void {
    const upload = this.#uploads.delete(id);
    if (upload !== undefined) this.#pending.note(id, upload.repository, 0);
    this.#write(() => this.#deleteRow(id));
  }

  #set(id: string, { repository, algorithm, sizeBytes, touchedMs, user }: UnfinishedUpload): void {
    this.#uploads.set(id, { repository, algorithm, sizeBytes, touchedMs, user });
    this.#pending.note(id, repository, sizeBytes);
  }

  #insertRow(id: string, { repository, algorithm, user }: UnfinishedUpload): void {
    this.#write(() =>
      this.#state.db.run(
        "INSERT OR REPLACE INTO repository_uploads (id, repository, algorithm, user) VALUES (?, ?, ?, ?)",
        [id, repository, algorithm, user ?? null],
      ),
    );
  }

  #deleteRow(id: string): void {
    this.#state.db.run("DELETE FROM repository_uploads WHERE id = ?", [id]);
  }

  #write(work: () => void): void {
    const { db } = this.#state;
    if (db.inTransaction) work();
    else withoutSync(db, () => this.#state.transaction(work));
  }
}
