import { isUtf8 } from "node:buffer";
import { mkdirSync, realpathSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { diskError } from "../../errors/disk-error.ts";
import { GantryError } from "../../errors/gantry-error.ts";
import { isPathComponent } from "../../oci/reference.ts";
import { FileLock } from "../../platform/file-lock.ts";
import { BCRYPT_BYTES_MAX, hashBcrypt } from "../../platform/password.ts";
import { fileStamp, readRegularBytes, TEXT_FILE_BYTES_MAX } from "../../platform/text-file.ts";
import { joinProblems } from "../../toml/toml-problems.ts";
import { decide } from "../decide.ts";
import type { Decision } from "../identity.ts";
import { type ReplaceFileOptions, replaceFile } from "../replace-file.ts";
import { isRepositoryAction } from "../scope.ts";
import { type AccessRules, isOpen, type User } from "./access-rules.ts";
import { addUser, changePassword, type NewUser, removeUser, revokeTokens } from "./edit-access.ts";
import { parseRulesOf, type ReadRules, readRules } from "./rules-file.ts";
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
  /** True where there was none. */
  readonly isFileMade: boolean;
  /** True if nobody and no right was named before, so that everybody could do everything: then a rule lets all users do that, and nobody else. */
  readonly isFirst: boolean;
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
    return [...this.#read().rules.users.values()];
  }

  /** For who asks for a password next. @throws what `add` would throw of the name and the file */
  requireFree(name: string): void {
    requireName(name);
    this.#requireNobody(this.#read(), name);
  }

  /** For who asks for a password next. @throws what `changePassword` would throw of the name and the file */
  requireOwn(name: string): void {
    this.#requireOwn(this.#read(), name);
  }

  /** @throws `already-exists`, `invalid-argument` */
  async add(name: string, { password, groups, certificates }: AddUserOptions): Promise<AddedUser> {
    requireName(name);
    const user: NewUser = {
      name,
      groups,
      certificates,
      tokensSinceMs: this.#options.now(),
      ...(password === undefined ? {} : { passwordHash: await hash(password) }),
    };
    let isFileMade = false;
    let isFirst = false;
    await this.#change((file) => {
      this.#requireNobody(file, name);
      isFileMade = file.text.trim() === "";
      isFirst = isOpen(file.rules);
      return addUser(file.text, user, { isFirst });
    });
    return { isFileMade, isFirst, isPathComponent: isPathComponent(name) };
  }

  /** @returns the rules that still name them, for whoever gets that name next. @throws `not-found`, `unsupported` */
  async remove(name: string): Promise<readonly string[]> {
    const { rights, quotas, limits } = await this.#change((file) => {
      this.#requireOwn(file, name);
      return removeUser(file.text, name);
    });
    return [...rights, ...quotas, ...limits].filter(({ who }) => who?.users.includes(name)).map(({ place }) => place);
  }

  /** Another password; the user's tokens end by that. @throws `not-found`, `unsupported` */
  async changePassword(name: string, password: string): Promise<void> {
    const passwordHash = await hash(password);
    await this.#change((file) => {
      this.#requireOwn(file, name);
      return changePassword(file.text, name, passwordHash);
    });
  }

  /** Ends a user's tokens: wherever one is kept, they have to log in again. @throws `not-found`, `unsupported` */
  async revoke(name: string): Promise<void> {
    await this.#change((file) => {
      this.#requireUser(file, name);
      return revokeTokens(file.text, name, {
        untilMs: this.#options.now(),
        isWrittenHere: file.ownUsers.has(name),
      });
    });
  }

  /** What the rules say to a request, with no token and no certificate in between. @throws `invalid-argument` */
  check(name: string | undefined, action: string, repository: string): Decision {
    const { rules } = this.#read();
    if (!isRepositoryAction(action)) {
      throw new GantryError("invalid-argument", `there is no action ${JSON.stringify(action)}`, {
        hint: "actions are pull, push and delete",
      });
    }
    const groups = name === undefined ? [] : (rules.users.get(name)?.groups ?? []);
    return decide(rules, { name, groups }, { action, repository });
  }

  #read(): ReadRules {
    return readRules(this.#options.path);
  }

  #requireOwn(file: ReadRules, name: string): void {
    this.#requireUser(file, name);
    if (file.ownUsers.has(name)) return;
    throw new GantryError("unsupported", `user ${name} is in the password file that ${this.#options.path} names`, {
      hint: "change that with `htpasswd`",
    });
  }

  // Both name the file: another root has one, too.
  #requireNobody({ rules }: ReadRules, name: string): void {
    if (!rules.users.has(name)) return;
    throw new GantryError("already-exists", `there is a user ${name} in ${this.#options.path} already`, {
      hint: `\`gantry registry user password --access ${this.#options.path} ${name}\` gives them another password`,
    });
  }

  #requireUser({ rules }: ReadRules, name: string): void {
    if (rules.users.has(name)) return;
    throw new GantryError("not-found", `there is no user ${name} in ${this.#options.path}`, {
      hint: `\`gantry registry user list --access ${this.#options.path}\` shows who is there`,
    });
  }

  /** @returns what holds from then on. @throws what `edit` throws; `invalid-argument`, `exhausted`, `unavailable`, `permission-denied` */
  async #change(edit: (file: ReadRules) => string): Promise<AccessRules> {
    const { path, deadlineMs } = this.#options;
    try {
      mkdirSync(dirname(path), { recursive: true, mode: 0o711 });
      const target = followLink(path);
      using _lock = await FileLock.take(`${target}.lock`, { deadlineMs, owner: ownerOfNew(target) });
      for (;;) {
        const rules = this.#changeOnce(target, edit);
        if (rules !== undefined) return rules;
      }
    } catch (cause) {
      throw diskError(`cannot change ${path}`, cause);
    }
  }

  /** @returns undefined, and has changed nothing, if somebody else did meanwhile: an editor asks for no lock */
  #changeOnce(target: string, edit: (file: ReadRules) => string): AccessRules | undefined {
    const as = statSync(target, { throwIfNoEntry: false }) ?? ownerOfNew(target);
    const stamp = fileStamp(target);
    const file = this.#read();
    requireUtf8(target, file);
    const changed = edit(file);
    const { rules, problems } = parseRulesOf(this.#options.path, changed);
    if (Buffer.byteLength(changed) > TEXT_FILE_BYTES_MAX) {
      throw cannotChange(target, `then it is larger than ${TEXT_FILE_BYTES_MAX} bytes`);
    }
    if (problems.length > 0) throw cannotChange(target, `then ${joinProblems(problems)}`);
    const isWanted = (): boolean => fileStamp(target) === stamp;
    return replaceFile(target, changed, { isWanted, ...(as === undefined ? {} : { as }) }) ? rules : undefined;
  }
}

/**
 * The registry may run as another user, whose its root is then, who reads the file that root makes, and changes it.
 *
 * @returns undefined for who may give nothing away
 */
function ownerOfNew(target: string): ReplaceFileOptions["as"] {
  if (process.geteuid?.() !== 0) return undefined;
  const { uid, gid } = statSync(dirname(target));
  return { uid, gid, mode: 0o600 };
}

function cannotChange(target: string, why: string): GantryError {
  return new GantryError("invalid-argument", `cannot change ${target}: ${why}`, { hint: "the file is as it was" });
}

/** What is read as text and is none has other bytes when it is written. */
function requireUtf8(target: string, { text }: ReadRules): void {
  const at = text.indexOf("\ufffd");
  if (at < 0 || isUtf8(readRegularBytes(target))) return;
  throw new GantryError(
    "invalid-argument",
    `cannot change ${target}: line ${text.slice(0, at).split("\n").length} is not UTF-8`,
    { hint: "save the file as UTF-8 with an editor" },
  );
}

function requireName(name: string): void {
  if (isUserName(name)) return;
  throw new GantryError("invalid-argument", `${JSON.stringify(name)} is no name of a user`, { hint: USER_NAME_RULE });
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
