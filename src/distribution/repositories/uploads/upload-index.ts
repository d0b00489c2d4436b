import type { RepositoryName } from "../repository-name.ts";

/**
 * Uploads by id, and by the repository that they go to: a question about one repository costs what is in that one, however many there are.
 * An id keeps its repository.
 */
export class UploadIndex<T extends { readonly repository: RepositoryName }> {
  readonly #all = new Map<string, T>();
  readonly #repositories = new Map<RepositoryName, Map<string, T>>();

  get size(): number {
    return this.#all.size;
  }

  get(id: string): T | undefined {
    return this.#all.get(id);
  }

  /** All, in the order in which they came. */
  entries(): MapIterator<[string, T]> {
    return this.#all.entries();
  }

  /** Those of one repository, in the order in which they came; changes with the index. */
  in(repository: RepositoryName): ReadonlyMap<string, T> {
    return this.#repositories.get(repository) ?? new Map();
  }

  /** Those that have any. */
  repositories(): MapIterator<RepositoryName> {
    return this.#repositories.keys();
  }

  /** Takes the place of what has this id. */
  set(id: string, upload: T): void {
    const { repository } = upload;
    this.#all.set(id, upload);
    const own = this.#repositories.get(repository) ?? new Map<string, T>();
    this.#repositories.set(repository, own.set(id, upload));
  }

  /** @returns what it was */
  delete(id: string): T | undefined {
    const upload = this.#all.get(id);
    if (upload === undefined) return undefined;
    this.#all.delete(id);
    const own = this.#repositories.get(upload.repository);
    own?.delete(id);
    if (own?.size === 0) this.#repositories.delete(upload.repository);
    return upload;
  }
}
