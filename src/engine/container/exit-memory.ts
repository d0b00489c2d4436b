import type { EngineState } from "../dependencies.ts";

/** How long the end of a removed container can be asked for, by its whole id. */
export const EXIT_KEPT_MS = 600_000;
const KEPT_NS = BigInt(EXIT_KEPT_MS) * 1_000_000n;
/** How many are kept at most, however quickly containers come and go. */
const KEPT_COUNT = 10_000;

/** What is left of a container that was removed. */
export interface RememberedExit {
  readonly exitCode: number;
  /** Its log stays as long as this: somebody may still be reading it. */
  readonly hasLog: boolean;
  readonly isTerminal: boolean;
}

interface ExitRow {
  readonly exit_code: number;
  readonly has_log: number;
  readonly is_terminal: number;
}

/**
 * The ends of removed containers, for clients whose connection broke before they heard of them. Durable as the removal is:
 * both are one transaction.
 */
export class ExitMemory {
  readonly #state: EngineState;
  readonly #nowNs: () => bigint;

  constructor(state: EngineState, nowNs: () => bigint) {
    this.#state = state;
    this.#nowNs = nowNs;
  }

  /** Keeps an end, and drops those that are too old or too many. In the transaction that removes the container. */
  remember(id: string, exit: RememberedExit): void {
    const { seq } = this.#state.db
      .query(
        `INSERT INTO engine_exits (id, removed_ns, exit_code, has_log, is_terminal)
         VALUES (?, ?, ?, ?, ?) RETURNING seq`,
      )
      .get(id, this.#nowNs(), exit.exitCode, exit.hasLog ? 1 : 0, exit.isTerminal ? 1 : 0) as { seq: number };
    this.#state.db.run("DELETE FROM engine_exits WHERE seq <= ?", [seq - KEPT_COUNT]);
    this.prune();
  }

  /** By the whole id only: a name may be another container's by now. */
  recall(id: string): RememberedExit | undefined {
    const row = this.#state.db
      .query("SELECT exit_code, has_log, is_terminal FROM engine_exits WHERE id = ? AND removed_ns > ?")
      .get(id, this.#nowNs() - KEPT_NS) as ExitRow | null;
    if (row === null) return undefined;
    return {
      exitCode: row.exit_code,
      hasLog: row.has_log !== 0,
      isTerminal: row.is_terminal !== 0,
    };
  }

  prune(): void {
    this.#state.db.run("DELETE FROM engine_exits WHERE removed_ns <= ?", [this.#nowNs() - KEPT_NS]);
  }
}
