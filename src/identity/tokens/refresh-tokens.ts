import { createHash } from "node:crypto";
import { isGantryError } from "../../errors/gantry-error.ts";
import type { State } from "../../state/state.ts";
import type { User } from "../rules/access-rules.ts";
import { isStillGood, loginMarkOf } from "./login-mark.ts";

const DAY_MS = 86_400_000;
const UNUSED_FOR_MS = 90 * DAY_MS;
const TOKENS_OF_A_USER_MAX = 100;
const CLIENT_ID_LENGTH_MAX = 128;

export interface RefreshGrant {
  readonly user: User;
  /** For which audience. */
  readonly service: string;
  /** What the client calls itself. */
  readonly clientId: string;
}

interface Row {
  readonly user: string;
  readonly service: string;
  readonly mark: string;
  readonly created_ms: number;
  readonly used_ms: number;
}

function hashOf(token: string): Uint8Array {
  // A token has 256 random bits: it needs no slow hash.
  return createHash("sha256").update(token).digest();
}

/**
 * Long-lived tokens that are good for short-lived ones. Only hashes of them are stored. One ends when its user is removed, logs in
 * with something else, has them revoked (`tokens_since` in the rules), or has not used it for 90 days; of one user the hundred latest used are kept.
 */
export class RefreshTokens {
  readonly #state: State;
  readonly #randomBytes: (count: number) => Uint8Array;

  constructor(state: State, randomBytes: (count: number) => Uint8Array) {
    this.#state = state;
    this.#randomBytes = randomBytes;
  }

  issue({ user, service, clientId }: RefreshGrant): string {
    const token = Buffer.from(this.#randomBytes(32)).toString("base64url");
    const nowMs = this.#state.now();
    this.#state.transaction(() => {
      const { db } = this.#state;
      db.query("DELETE FROM refresh_tokens WHERE used_ms < ?").run(nowMs - UNUSED_FOR_MS);
      db.query("INSERT INTO refresh_tokens VALUES (?, ?, ?, ?, ?, ?, ?)").run(
        hashOf(token),
        user.name,
        service,
        clientId.slice(0, CLIENT_ID_LENGTH_MAX),
        loginMarkOf(user),
        nowMs,
        nowMs,
      );
      db.query(
        `DELETE FROM refresh_tokens WHERE hash IN
           (SELECT hash FROM refresh_tokens WHERE user = ? ORDER BY used_ms DESC LIMIT -1 OFFSET ${TOKENS_OF_A_USER_MAX})`,
      ).run(user.name);
    });
    return token;
  }

  /** Whose token this is. @returns undefined if it is no good, or no longer. */
  redeem(token: string, service: string, users: ReadonlyMap<string, User>): User | undefined {
    const nowMs = this.#state.now();
    const hash = hashOf(token);
    const row = this.#state.db.query("SELECT * FROM refresh_tokens WHERE hash = ?").get(hash) as Row | null;
    if (row === null || row.service !== service || row.used_ms < nowMs - UNUSED_FOR_MS) return undefined;
    const user = users.get(row.user);
    if (user === undefined || !isStillGood(user, { mark: row.mark, issuedMs: row.created_ms })) return undefined;
    if (row.used_ms < nowMs - DAY_MS) this.#noteUse(hash, nowMs);
    return user;
  }

  /** What cannot be written now is written at the next use: it is good all the same. */
  #noteUse(hash: Uint8Array, nowMs: number): void {
    try {
      this.#state.transaction(() => {
        this.#state.db.query("UPDATE refresh_tokens SET used_ms = ? WHERE hash = ?").run(nowMs, hash);
      });
    } catch (error) {
      if (!isGantryError(error, "exhausted") && !isGantryError(error, "unavailable")) throw error;
    }
  }
}
