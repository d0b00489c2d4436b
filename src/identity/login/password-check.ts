import { createHmac } from "node:crypto";
import { verifyBcrypt } from "../../platform/password.ts";
import { TooManyRequests } from "../access-problem.ts";
import { RecentMap } from "../recent-map.ts";
import type { User } from "../rules/access-rules.ts";
import { AttemptLimiter } from "./attempt-limiter.ts";
import { clientOf } from "./client-address.ts";
import { bcryptCost } from "./password-hash.ts";

const KNOWN_MAX = 1024;
const KNOWN_FOR_MS = 60_000;
const AT_ONCE = 2;
const WAITING_MAX = 128;
const COST_DEFAULT = 10;
/** A salt and a digest that no password has. */
const NOBODY = `${".".repeat(21)}O${".".repeat(31)}`;

export interface PasswordCheckOptions {
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly randomBytes: (count: number) => Uint8Array;
  /** @default `verifyBcrypt` */
  readonly verify?: (password: string, hash: string) => Promise<boolean>;
}

/** Somebody who says to be a user. */
export interface Login {
  readonly name: string;
  readonly password: string;
  readonly address: string;
}

/**
 * Checks passwords. bcrypt is slow on purpose, so only few run at a time, the same question is asked once, and who was right is
 * known for a minute, by a keyed hash that means nothing outside of this process.
 */
export class PasswordCheck {
  readonly #options: PasswordCheckOptions;
  readonly #key: Uint8Array;
  readonly #attempts: AttemptLimiter;
  readonly #known = new RecentMap<string, number>(KNOWN_MAX);
  readonly #running = new Map<string, Promise<boolean>>();
  readonly #costs = new WeakMap<ReadonlyMap<string, User>, readonly number[]>();
  readonly #waiting: (() => void)[] = [];
  #active = 0;

  constructor(options: PasswordCheckOptions) {
    this.#options = options;
    this.#key = options.randomBytes(32);
    this.#attempts = new AttemptLimiter(options.now);
  }

  /**
   * True if the password is right. For a name that nobody has it takes as long as for one of `users`.
   *
   * @throws TooManyRequests after failures, or when too many wait.
   */
  async check(login: Login, users: ReadonlyMap<string, User>): Promise<boolean> {
    const hash = users.get(login.name)?.passwordHash ?? this.#hashOfNobody(login.name, users);
    const question = this.#mac([login.name, hash, login.password]);
    // Asked again from the same place before it is answered, it is no further guess.
    const key = `${question} ${clientOf(login.address)}`;
    const running = this.#running.get(key);
    if (running !== undefined) return await running;
    // Before what is known is looked at: else guesses would be free while the user is busy elsewhere.
    this.#attempts.requireFree(login);
    if ((this.#known.get(question) ?? 0) > this.#options.now()) return true;
    this.#attempts.begin(login);
    const answer = this.#ask(question, login, hash).finally(() => this.#running.delete(key));
    this.#running.set(key, answer);
    return await answer;
  }

  /** With the cost of one of the users: which, depends on the name, so that unknown names are spread as known ones are. */
  #hashOfNobody(name: string, users: ReadonlyMap<string, User>): string {
    const costs = this.#costsOf(users);
    const place = Buffer.from(this.#mac([name]), "base64").readUInt32BE() % Math.max(1, costs.length);
    return `$2b$${String(costs[place] ?? COST_DEFAULT).padStart(2, "0")}$${NOBODY}`;
  }

  #costsOf(users: ReadonlyMap<string, User>): readonly number[] {
    let costs = this.#costs.get(users);
    if (costs === undefined) {
      costs = [...users.values()].flatMap(({ passwordHash }) => bcryptCost(passwordHash ?? "") ?? []);
      this.#costs.set(users, costs);
    }
    return costs;
  }

  #mac(parts: readonly string[]): string {
    return createHmac("sha256", this.#key).update(JSON.stringify(parts)).digest("base64");
  }

  async #ask(question: string, login: Login, hash: string): Promise<boolean> {
    const verify = this.#options.verify ?? verifyBcrypt;
    let isRight: boolean;
    try {
      isRight = await this.#inTurn(() => verify(login.password, hash));
    } catch (error) {
      this.#attempts.abandoned(login);
      throw error;
    }
    if (!isRight) return false;
    this.#attempts.succeeded(login);
    this.#known.set(question, this.#options.now() + KNOWN_FOR_MS);
    return true;
  }

  async #inTurn(work: () => Promise<boolean>): Promise<boolean> {
    if (this.#active >= AT_ONCE) {
      if (this.#waiting.length >= WAITING_MAX) throw new TooManyRequests("too many logins at once", 1000);
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    } else {
      this.#active += 1;
    }
    try {
      return await work();
    } finally {
      // The place goes to the next one without being free in between.
      const next = this.#waiting.shift();
      if (next === undefined) this.#active -= 1;
      else next();
    }
  }
}
