/** How long a container's end may take to clear its own interfaces away. */
const GRACE_MS = 200;

/**
 * Interfaces of endpoints that were released. Removing one takes the kernel some 20 ms, in which this thread could do nothing
 * else; mostly the end of the container's network namespace removes it in the background anyway. So it is left a moment, then
 * removed if it is still there.
 */
export class LeavingInterfaces {
  readonly #pending = new Map<string, { readonly remove: () => void; readonly timer: NodeJS.Timeout }>();

  /** @param remove must be idempotent. */
  add(name: string, remove: () => void): void {
    const timer = setTimeout(() => {
      this.#pending.delete(name);
      remove();
    }, GRACE_MS);
    // It does not keep the process alive; a next one finds what is left.
    timer.unref();
    this.#pending.set(name, { remove, timer });
  }

  /** Names that are not free yet. */
  names(): string[] {
    return [...this.#pending.keys()];
  }

  /** Removes all of them now. */
  flush(): void {
    for (const { remove, timer } of this.#pending.values()) {
      clearTimeout(timer);
      remove();
    }
    this.#pending.clear();
  }
}
