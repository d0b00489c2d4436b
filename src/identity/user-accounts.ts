import { mkdirSync, realpathSync, statSync } from "node:fs";
import { basename, dirname, resolve } from "node:path";
import { GantryError } from "../errors/gantry-error.ts";
import { isPathComponent } from "../oci/reference.ts";
import { FileLock } from "../platform/file-lock.ts";
import { BCRYPT_BYTES_MAX, hashBcrypt } from "../platform/password.ts";
import { isPathTaken, readTextFile } from "../platform/text-file.ts";
import { joinProblems } from "../toml/toml-problems.ts";
import type { AccessRules, User } from "./access-rules.ts";
import { decide } from "./decide.ts";
import { addUser, changePassword, type NewUser, removeUser, revokeTokens } from "./edit-access.ts";
import type { Decision } from "./identity.ts";
import { parseAccessRules } from "./parse-access-rules.ts";
import { replaceFile } from "./replace-file.ts";
import { readRules } from "./rules-file.ts";
import { isRepositoryAction } from "./scope.ts";
import { isUserName, USER_NAME_RULE } from "./user-name.ts";

/** A twentieth of a second on today's machines, which a client pays once a minute. */
const BCRYPT_COST = 10;

export interface UserAccountsOptions {
  /** `access.toml`; made with the first user. */
  readonly path: string;
  /** When waiting for another command on the same file ends, on the clock of `performance.now()`. */
  readonly deadlineMs: number;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

export interface AddUserOptions {
  /** Left out: nobody logs in with one. */
  readonly password?: string;
  readonly groups: readonly string[];
  readonly certificates: readonly string[];
}

export interface AddedUser {
  /** True for the first one: from then on what nobody gives is denied. */
  readonly isFileMade: boolean;
  /** False where no repository is ever named so: what a rule says of `{user}/**` holds for none of theirs. */
  readonly isPathComponent: boolean;
}

/** The users of one `access.toml`, changed in place: at once or not at all, with comments and order as they are. */
export class UserAccounts {
  readonly #options: UserAccountsOptions;

  constructor(options: UserAccountsOptions) {
    this.#options = options;
  }

  /** The file; it need not be there yet. */
  get path(): string {
    return this.#options.path;
  }

  /** @throws `invalid-argument` if the file has problems, naming them. */
  list(): readonly User[] {
    return [...this.#rules().users.values()];
  }

  /** For who asks for a password next. @throws what `add` would throw of the name and the file */
  requireFree(name: string): void {
    if (!isUserName(name)) {
      throw new GantryError("invalid-argument", `${JSON.stringify(name)} is no name of a user`, {
        hint: USER_NAME_RULE,
      });
    }
    this.#requireNobody(this.#rules(), name);
  }

  /** For who asks for a password next. @throws what `changePassword` would throw of the name and the file */
  requireOwn(name: string): void {
    this.#require(this.#rules(), name, isPathTaken(this.#options.path) ? readTextFile(this.#options.path) : "");
  }

  /** @throws `already-exists`, `invalid-argument` */
  async add(name: string, { password, groups, certificates }: AddUserOptions): Promise<AddedUser> {
    this.requireFree(name);
    const user: NewUser = {
      name,
      groups,
      certificates,
      tokensSinceMs: this.#options.now(),
      ...(password === undefined ? {} : { passwordHash: await hash(password) }),
    };
    let isFileMade = false;
    await this.#change((text, rules) => {
      this.#requireNobody(rules, name);
      isFileMade = text.trim() === "";
      return addUser(text, user);
    });
    return { isFileMade, isPathComponent: isPathComponent(name) };
  }

  /** @returns the rules that still name them, for whoever gets that name next. @throws `not-found`, `unsupported` */
  async remove(name: string): Promise<readonly string[]> {
    await this.#change((text, rules) => {
      this.#require(rules, name, text);
      return removeUser(text, name);
    });
    const { rights, quotas, limits } = this.#rules();
    return [...rights, ...quotas, ...limits].filter(({ who }) => who?.users.includes(name)).map(({ place }) => place);
  }

  /** Another password; the user's tokens end by that. @throws `not-found`, `unsupported` */
  async changePassword(name: string, password: string): Promise<void> {
    const passwordHash = await hash(password);
    await this.#change((text, rules) => {
      this.#require(rules, name, text);
      return changePassword(text, name, passwordHash);
    });
  }

  /** Ends a user's tokens: wherever one is kept, they have to log in again. @throws `not-found`, `unsupported` */
  async revoke(name: string): Promise<void> {
    await this.#change((text, rules) => {
      this.#requireUser(rules, name);
      return revokeTokens(text, name, { untilMs: this.#options.now(), isWrittenHere: isWrittenIn(text, name) });
    });
  }

  /** What the rules say to a request, with no token and no certificate in between. @throws `invalid-argument` */
  check(name: string | undefined, action: string, repository: string): Decision {
    const rules = this.#rules();
    if (!isRepositoryAction(action)) {
      throw new GantryError("invalid-argument", `there is no action ${JSON.stringify(action)}`, {
        hint: "actions are pull, push and delete",
      });
    }
    const groups = name === undefined ? [] : (rules.users.get(name)?.groups ?? []);
    return decide(rules, { name, groups }, { action, repository });
  }

  #rules(): AccessRules {
    return readRules(this.#options.path);
  }

  #require(rules: AccessRules, name: string, text: string): void {
    this.#requireUser(rules, name);
    if (isWrittenIn(text, name)) return;
    throw new GantryError("unsupported", `user ${name} is in the password file that ${this.#options.path} names`, {
      hint: "change that with `htpasswd`",
    });
  }

  // Both name the file: another root has one, too.
  #requireNobody({ users }: AccessRules, name: string): void {
    if (!users.has(name)) return;
    throw new GantryError("already-exists", `there is a user ${name} in ${this.#options.path} already`, {
      hint: "`gantry registry user password` gives them another password",
    });
  }

  #requireUser({ users }: AccessRules, name: string): void {
    if (users.has(name)) return;
    throw new GantryError("not-found", `there is no user ${name} in ${this.#options.path}`, {
      hint: "`gantry registry user list` shows who is there",
    });
  }

  async #change(edit: (text: string, rules: AccessRules) => string): Promise<void> {
    mkdirSync(dirname(this.#options.path), { recursive: true, mode: 0o711 });
    const path = followLink(this.#options.path);
    using _lock = await FileLock.take(`${path}.lock`, { deadlineMs: this.#options.deadlineMs });
    const owner = statSync(path, { throwIfNoEntry: false });
    const text = owner === undefined ? "" : readTextFile(path);
    const changed = edit(text, this.#rules());
    const { problems } = parseAccessRules(changed, {
      fileName: basename(path),
      readHtpasswd: (file) => readTextFile(resolve(dirname(path), file)),
    });
    if (problems.length > 0) {
      throw new GantryError("invalid-argument", `cannot change ${path}: then ${joinProblems(problems)}`, {
        hint: "the file is as it was",
      });
    }
    replaceFile(path, changed, owner);
  }
}

/** False for one whom only the password file knows. */
function isWrittenIn(text: string, name: string): boolean {
  return parseAccessRules(text, { readHtpasswd: () => "" }).rules.users.has(name);
}

function followLink(path: string): string {
  return statSync(path, { throwIfNoEntry: false }) === undefined ? path : realpathSync(path);
}

async function hash(password: string): Promise<string> {
  const length = Buffer.byteLength(password);
  if (length === 0) throw new GantryError("invalid-argument", "the password is empty");
  if (length > BCRYPT_BYTES_MAX) {
    throw new GantryError(
      "invalid-argument",
      `the password has ${length} bytes: bcrypt looks at ${BCRYPT_BYTES_MAX} only`,
    );
  }
  if (/[\0\r\n]/.test(password)) {
    throw new GantryError("invalid-argument", "the password has a NUL or a line break, which nobody can type");
  }
  return await hashBcrypt(password, BCRYPT_COST);
}
