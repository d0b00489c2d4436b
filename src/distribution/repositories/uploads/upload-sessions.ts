import type { RepositoryName } from "../repository-name.ts";
import { UploadIndex } from "./upload-index.ts";
import { isIdle, type UploadSession } from "./upload-session.ts";

/** How many sessions are kept in memory; more are read again from their files. */
const SESSIONS_IN_MEMORY = 10_000;

/** The sessions of uploads that were begun or gone on with lately, by id. */
export class UploadSessions {
  readonly #sessions = new UploadIndex<UploadSession>();
  /** Those that were begun and may have no bytes yet, the oldest first: what is forgotten first. */
  readonly #begun = new Set<string>();

  get count(): number {
    return this.#sessions.size;
  }

  get(id: string): UploadSession | undefined {
    return this.#sessions.get(id);
  }

  repositories(): Iterable<RepositoryName> {
    return this.#sessions.repositories();
  }

  in(repository: RepositoryName): Iterable<UploadSession> {
    return this.#sessions.in(repository).values();
  }

  /** Of many the oldest is forgotten that nobody uses. */
  remember(session: UploadSession): void {
    this.#sessions.set(session.id, session);
    if (session.offsetBytes === 0) this.#begun.add(session.id);
    const oldest = this.#sessions.size > SESSIONS_IN_MEMORY ? this.#oldestIdle() : undefined;
    if (oldest !== undefined) this.forget(oldest);
  }

  forget(id: string): void {
    this.#sessions.delete(id)?.hash?.drop();
    this.#begun.delete(id);
  }

  /** True for one that somebody uses, or something came to since. */
  isUsed(id: string, sinceMs: number): boolean {
    const session = this.#sessions.get(id);
    return session !== undefined && (session.touchedMs >= sinceMs || !isIdle(session));
  }

  /** True if one of a user's in a repository is used so. */
  isUsedBy(user: string, repository: RepositoryName, sinceMs: number): boolean {
    return this.#sessions
      .in(repository)
      .values()
      .some((one) => one.user === user && this.isUsed(one.id, sinceMs));
  }

  /** Forgets those that are not used. */
  forgetIdle(sinceMs: number): void {
    for (const [id] of this.#sessions.entries()) if (!this.isUsed(id, sinceMs)) this.forget(id);
  }

  /** Of those without bytes first: of those with bytes all that came has to be read again to hash it. */
  #oldestIdle(): string | undefined {
    for (const id of this.#begun) {
      const session = this.#sessions.get(id);
      if (session === undefined || session.offsetBytes > 0) this.#begun.delete(id);
      else if (isIdle(session)) return id;
    }
    return this.#sessions.entries().find(([, session]) => isIdle(session))?.[0];
  }
}
