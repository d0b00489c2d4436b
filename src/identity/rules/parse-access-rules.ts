import { formatError } from "../../errors/gantry-error.ts";
import { parseToml } from "../../toml/parse-toml.ts";
import { quoteTomlText } from "../../toml/toml-path.ts";
import { describeBadHash } from "../login/password-hash.ts";
import { isRepositoryAction, REPOSITORY_ACTIONS } from "../scope.ts";
import {
  type AccessRules,
  NO_RULES,
  type Quota,
  type RateLimit,
  type Right,
  type User,
  type Who,
} from "./access-rules.ts";
import { parseHtpasswd } from "./parse-htpasswd.ts";
import { parseRepositoryPattern, type RepositoryPattern } from "./repository-pattern.ts";
import { RulesReader } from "./rules-reader.ts";
import { isUserName, USER_NAME_RULE } from "./user-name.ts";

export interface ParseAccessOptions {
  /** What places call the file. @default "access.toml" */
  readonly fileName?: string;
  /** Gives the password file that `htpasswd` names. @throws what is told as a problem of that line. */
  readonly readHtpasswd: (path: string) => string;
}

/** What the file says, and everything that is wrong with it; the rules hold only if nothing is. */
export interface ParsedAccess {
  readonly rules: AccessRules;
  /** The users that it names itself: all others are the password file's alone. */
  readonly ownUsers: ReadonlySet<string>;
  /** Each with its place: `access.toml:12: rights[0].actions[1] is not …`. */
  readonly problems: readonly string[];
}

const SIZE = /^(\d+(?:\.\d+)?)\s*(B|kB|KB|MB|GB|TB|KiB|MiB|GiB|TiB)?$/;
const UNITS: Readonly<Record<string, number>> = {
  B: 1,
  kB: 1e3,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
};
const CERTIFICATE = /^(?:CN|DNS|URI)=[\x21-\x7e](?:[\x20-\x7e]{0,1022}[\x21-\x7e])?$/;

const LISTS = {
  users: {
    what: 'names of users, or "*" for every user',
    parse: (text: string) => (text === "*" || isUserName(text) ? text : undefined),
  },
  groups: { what: `names of ${USER_NAME_RULE}`, parse: (text: string) => (isUserName(text) ? text : undefined) },
  repositories: { what: 'patterns such as "team/*", "team/**" or "{user}/**"', parse: parseRepositoryPattern },
  actions: {
    what: '"pull", "push", "delete", or "*" for all',
    parse: (text: string) => (text === "*" || isRepositoryAction(text) ? text : undefined),
  },
  certificates: {
    what: 'names such as "CN=alice", "DNS=build.lan" or "URI=spiffe://example.org/build"',
    parse: (text: string) => (CERTIFICATE.test(text) ? text : undefined),
  },
} as const;

const WHO_KEYS = ["users", "groups", "anonymous"];

function readUser(reader: RulesReader, name: string, value: unknown): User {
  const path = ["users", name];
  const table = reader.table(value, path, ["password", "groups", "certificates", "tokens_since"]);
  if (!isUserName(name)) reader.problem(path, `is no name of a user: ${USER_NAME_RULE}`);
  const passwordHash = reader.text(table.password, [...path, "password"]);
  const why = passwordHash === undefined ? undefined : describeBadHash(passwordHash);
  if (why !== undefined) reader.problem([...path, "password"], why);
  const tokensSinceMs = reader.time(table.tokens_since, [...path, "tokens_since"]);
  return {
    name,
    ...(passwordHash === undefined ? {} : { passwordHash }),
    groups: reader.list(table.groups, [...path, "groups"], LISTS.groups),
    certificates: reader.list(table.certificates, [...path, "certificates"], LISTS.certificates),
    ...(tokensSinceMs === undefined ? {} : { tokensSinceMs }),
  };
}

function addHtpasswd(
  reader: RulesReader,
  users: Map<string, User>,
  options: { path: unknown; read: (path: string) => string },
): void {
  const path = reader.text(options.path, ["htpasswd"]);
  if (path === undefined) return;
  let text: string;
  try {
    text = options.read(path);
  } catch (error) {
    reader.problem(["htpasswd"], `cannot be used: ${formatError(error)}`);
    return;
  }
  const { entries, problems } = parseHtpasswd(text, path);
  reader.problems.push(...problems);
  for (const { name, passwordHash } of entries) {
    const known = users.get(name);
    if (known?.passwordHash !== undefined) reader.problem(["users", name, "password"], `is in ${path} too`);
    users.set(name, { groups: [], certificates: [], ...known, name, passwordHash });
  }
}

/** Whose each certificate is; a user who can show nothing is a problem, and so is a certificate of two. */
function ownCertificates(reader: RulesReader, users: ReadonlyMap<string, User>): ReadonlyMap<string, string> {
  const owners = new Map<string, string>();
  for (const { name, passwordHash, certificates } of users.values()) {
    if (passwordHash === undefined && certificates.length === 0) {
      reader.problem(["users", name], "has neither a password nor a certificate");
    }
    for (const certificate of certificates) {
      const owner = owners.get(certificate);
      if (owner !== undefined)
        reader.problem(["users", name, "certificates"], `has ${certificate}, which is ${owner}'s`);
      owners.set(certificate, name);
    }
  }
  return owners;
}

function readWho(
  reader: RulesReader,
  table: Readonly<Record<string, unknown>>,
  path: readonly (string | number)[],
): Who | undefined {
  const isNobody = table.anonymous === undefined || table.anonymous === false;
  if (isNobody && table.users === undefined && table.groups === undefined) return undefined;
  return {
    users: reader.list(table.users, [...path, "users"], { ...LISTS.users, isNeeded: true }),
    groups: reader.list(table.groups, [...path, "groups"], { ...LISTS.groups, isNeeded: true }),
    isAnonymous: reader.flag(table.anonymous, [...path, "anonymous"]),
  };
}

function readPatterns(
  reader: RulesReader,
  value: unknown,
  path: readonly (string | number)[],
): readonly RepositoryPattern[] | undefined {
  return value === undefined
    ? undefined
    : reader.list(value, [...path, "repositories"], { ...LISTS.repositories, isNeeded: true });
}

function readRight(reader: RulesReader, value: unknown, index: number): Right {
  const path = ["rights", index];
  const table = reader.table(value, path, [...WHO_KEYS, "repositories", "actions"]);
  const who = readWho(reader, table, path);
  const repositories = readPatterns(reader, table.repositories, path) ?? [];
  const actions = reader.list(table.actions, [...path, "actions"], { ...LISTS.actions, isNeeded: true });
  if (who === undefined) reader.problem(path, "says nothing of whom: give users, groups, or anonymous = true");
  if (table.repositories === undefined) reader.problem(path, 'has no repositories: "**" means all');
  if (table.actions === undefined) reader.problem(path, 'has no actions: some of "pull", "push", "delete"');
  return {
    place: reader.place("rights", index),
    who: who ?? { users: [], groups: [], isAnonymous: false },
    repositories,
    actions: REPOSITORY_ACTIONS.filter((action) => actions.includes("*") || actions.includes(action)),
  };
}

/** `"10 GB"`, or a number of bytes. */
function readSize(reader: RulesReader, value: unknown, path: readonly (string | number)[]): number | undefined {
  if (typeof value !== "string") return reader.number(value, path);
  const [, digits = "", unit = "B"] = SIZE.exec(value) ?? [];
  if (unit === "B" && digits.includes(".")) {
    reader.problem(path, `is no whole number of bytes: ${quoteTomlText(value)} (write its unit, as in "1.5 GB")`);
    return undefined;
  }
  const bytes = Math.floor(Number(digits) * (UNITS[unit] ?? Number.NaN));
  if (Number.isSafeInteger(bytes) && bytes > 0) return bytes;
  reader.problem(path, `is not a size such as "10 GB": ${quoteTomlText(value)}`);
  return undefined;
}

function readQuota(reader: RulesReader, value: unknown, index: number): Quota {
  const path = ["quotas", index];
  const table = reader.table(value, path, ["users", "groups", "repositories", "max_bytes", "max_repositories"]);
  const who = readWho(reader, table, path);
  const repositories = readPatterns(reader, table.repositories, path);
  if ((who === undefined) === (repositories === undefined)) {
    reader.problem(path, "is either for users and groups, or for repositories");
  }
  const bytesMax = readSize(reader, table.max_bytes, [...path, "max_bytes"]);
  const repositoriesMax = reader.number(table.max_repositories, [...path, "max_repositories"]);
  if (table.max_bytes === undefined && table.max_repositories === undefined) {
    reader.problem(path, "limits nothing: give max_bytes or max_repositories");
  }
  return {
    place: reader.place("quotas", index),
    ...(who === undefined ? {} : { who }),
    ...(repositories === undefined ? {} : { repositories }),
    ...(bytesMax === undefined ? {} : { bytesMax }),
    ...(repositoriesMax === undefined ? {} : { repositoriesMax }),
  };
}

function readLimit(reader: RulesReader, value: unknown, index: number): RateLimit {
  const path = ["limits", index];
  const table = reader.table(value, path, ["per", "users", "groups", "repositories", "requests_per_second", "burst"]);
  const { per } = table;
  const isKnown = per === "user" || per === "address" || per === "repository";
  if (!isKnown) reader.problem([...path, "per"], 'is not "user", "address" or "repository"');
  const who = readWho(reader, table, path);
  const repositories = readPatterns(reader, table.repositories, path);
  if (who !== undefined && per !== "user") reader.problem(path, 'says whom, which is only for per = "user"');
  if (repositories !== undefined && per !== "repository") {
    reader.problem([...path, "repositories"], 'is only for per = "repository"');
  }
  const requestsPerSecond = reader.number(table.requests_per_second, [...path, "requests_per_second"], {
    isFraction: true,
  });
  if (table.requests_per_second === undefined) reader.problem(path, "has no requests_per_second");
  const burst = reader.number(table.burst, [...path, "burst"]);
  return {
    place: reader.place("limits", index),
    per: isKnown ? per : "address",
    ...(who === undefined ? {} : { who }),
    ...(repositories === undefined ? {} : { repositories }),
    requestsPerSecond: requestsPerSecond ?? 1,
    burst: burst ?? Math.max(1, Math.ceil(requestsPerSecond ?? 1)),
  };
}

/**
 * Reads `access.toml`:
 *
 * ```toml
 * htpasswd = "htpasswd"                       # a file of `htpasswd -B` beside this one
 *
 * [users.alice]
 * password = "$2y$10$…"                       # bcrypt
 * groups = ["team"]
 * certificates = ["CN=alice", "URI=spiffe://example.org/alice"]
 * tokens_since = 2026-01-31T12:00:00Z         # tokens from before are no good
 *
 * [[rights]]                                  # rights add up; what none gives is denied
 * users = ["*"]                               # every user; or groups = ["team"], or anonymous = true
 * repositories = ["{user}/**", "team/*"]
 * actions = ["pull", "push", "delete"]
 *
 * [[quotas]]
 * users = ["*"]                               # what each made; or repositories = ["team/**"], all of them together
 * max_bytes = "20 GB"
 * max_repositories = 100
 *
 * [[limits]]
 * per = "address"                             # or "user", "repository"
 * requests_per_second = 50
 * burst = 200
 * ```
 *
 * Total: collects everything that is wrong; a key that is not known is refused, never ignored.
 */
export function parseAccessRules(text: string, options: ParseAccessOptions): ParsedAccess {
  const fileName = options.fileName ?? "access.toml";
  const parsed = parseToml(text, { hasDates: true });
  if (parsed.kind === "problem") {
    return {
      rules: NO_RULES,
      ownUsers: new Set(),
      problems: [`${fileName}:${parsed.line} is no TOML: ${parsed.problem}`],
    };
  }
  const reader = new RulesReader(text, fileName);
  const root = reader.table(parsed.table, [], ["htpasswd", "users", "rights", "quotas", "limits"]);
  const users = new Map<string, User>();
  for (const [name, value] of Object.entries(reader.table(root.users, ["users"]))) {
    users.set(name, readUser(reader, name, value));
  }
  const ownUsers = new Set(users.keys());
  addHtpasswd(reader, users, { path: root.htpasswd, read: options.readHtpasswd });
  const rules = {
    users,
    certificates: ownCertificates(reader, users),
    rights: reader.tables(root.rights, "rights").map((value, index) => readRight(reader, value, index)),
    quotas: reader.tables(root.quotas, "quotas").map((value, index) => readQuota(reader, value, index)),
    limits: reader.tables(root.limits, "limits").map((value, index) => readLimit(reader, value, index)),
  };
  return { rules, ownUsers, problems: reader.problems };
}
