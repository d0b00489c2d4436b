import { formatError, GantryError } from "../../errors/gantry-error.ts";
import { withComparableHost } from "../../oci/comparable-host.ts";
import { formatReference, formatRepository, parseReference, type Reference } from "../../oci/reference.ts";
import { parseToml } from "../../toml/parse-toml.ts";
import { describeTomlProblems } from "../../toml/toml-problems.ts";
import { readTomlTables, refuseUnknownKeys } from "../../toml/toml-tables.ts";
import { isObject, type JsonObject } from "../json.ts";
import { parsePublicKey } from "../keys/public-key.ts";
import { type DistinguishedName, parseIdentity } from "../notation/distinguished-name.ts";
import type { IdentityRule } from "./claimed-identity.ts";
import { parseScope, type Scope } from "./scope.ts";
import type { RequirementSource, TrustAction, TrustPolicy, TrustRule } from "./trust-policy.ts";

const ACTIONS: readonly string[] = ["reject", "warn", "accept"] satisfies readonly TrustAction[];
const RULE_KEYS = ["image", "action", "threshold", "require"];
/** The keys of which a requirement has exactly one, with those that may stand beside it. */
const REQUIREMENT_KEYS: Readonly<Record<string, readonly string[]>> = {
  key: ["identity"],
  pem: ["identity"],
  ca: ["identities"],
  "signing-authority": ["identities"],
};
/** What is known elsewhere and not here: refused by name. */
const ABSENT_KEYS: Readonly<Record<string, string>> = {
  fulcio: "keyless signatures (Fulcio) are not there yet",
  rekor: "transparency logs (Rekor) are not there yet",
  tsa: "timestamping authorities are not there yet",
  gpg: "signatures by GPG are not there yet",
};

/**
 * Reads `trust.toml`:
 *
 * ```toml
 * [[rule]]
 * image = "registry.lan:5000/app"   # "*", "*.lan", a registry, a folder, a repository, one tag; spelled out
 * action = "reject"                 # what happens to what is not signed so: "reject", "warn", "accept"
 * threshold = 1                     # so many of these
 * require = [
 *   { key = "keys/release.pub" },   # cosign, a file beside this one
 *   { pem = """-----BEGIN PUBLIC KEY-----…""", identity = "exact" },
 *   { ca = "trust-store/acme", identities = ["x509.subject: C=US, ST=WA, O=acme.io"] },   # notation
 * ]
 * ```
 *
 * A rule without `require` rejects (or warns of, or accepts) every image that it speaks of.
 *
 * @throws `invalid-argument` naming line and key of everything that is wrong; a key that is not known is refused, never ignored.
 */
export function parseTrustPolicy(toml: string): TrustPolicy {
  const parsed = parseToml(toml);
  if (parsed.kind === "problem") {
    throw new GantryError("invalid-argument", `invalid trust.toml: line ${parsed.line}: ${parsed.problem}`);
  }
  const problems: string[] = [];
  checkKeys(parsed.table, ["rule"], "", problems);
  const placed = readTomlTables(parsed.table.rule, { path: "rule", problems }, (table, path) => ({
    rule: readRule(table, path, problems),
    path,
  }));
  const owners = new Map<string, string>();
  for (const { rule, path } of placed) {
    const text = withComparableHost(rule.scope.text);
    const first = owners.get(text);
    if (text !== "" && first !== undefined) problems.push(`${path}.image is that of ${first}: ${text}`);
    else owners.set(text, path);
  }
  if (problems.length === 0) return { rules: placed.map(({ rule }) => rule) };
  throw new GantryError("invalid-argument", `invalid trust.toml: ${describeTomlProblems(toml, problems)}`);
}

function checkKeys(table: JsonObject, known: readonly string[], path: string, problems: string[]): void {
  for (const [key, why] of Object.entries(ABSENT_KEYS)) {
    if (Object.hasOwn(table, key)) problems.push(`${path === "" ? "" : `${path}.`}${key} is refused: ${why}`);
  }
  const present = Object.fromEntries(Object.entries(table).filter(([key]) => !Object.hasOwn(ABSENT_KEYS, key)));
  refuseUnknownKeys(present, { path, known, problems });
}

function readRule(table: JsonObject, path: string, problems: string[]): TrustRule {
  checkKeys(table, RULE_KEYS, path, problems);
  const { action = "reject", threshold = 1, require = [] } = table;
  if (typeof action !== "string" || !ACTIONS.includes(action)) {
    problems.push(`${path}.action is none of "reject", "warn", "accept"`);
  }
  if (!Array.isArray(require)) problems.push(`${path}.require is not a list`);
  const items: readonly unknown[] = Array.isArray(require) ? require : [];
  const sources = items.flatMap((item, index) => readRequirement(item, `${path}.require[${index}]`, problems) ?? []);
  const isCount = typeof threshold === "number" && Number.isInteger(threshold) && threshold >= 1;
  if (!isCount || threshold > Math.max(1, items.length)) {
    problems.push(`${path}.threshold is not a number from 1 to that of require (${items.length})`);
  }
  return {
    scope: readScope(table.image, `${path}.image`, problems),
    action: action as TrustAction,
    threshold: isCount ? threshold : 1,
    require: sources,
  };
}

function readScope(value: unknown, path: string, problems: string[]): Scope {
  const scope = typeof value === "string" ? parseScope(value) : 'is needed: an image, a registry, or "*"';
  if (typeof scope !== "string") return scope;
  problems.push(`${path} ${scope}`);
  return { text: "", kind: "all" };
}

function readRequirement(value: unknown, path: string, problems: string[]): RequirementSource | undefined {
  if (!isObject(value)) {
    problems.push(`${path} is not a table`);
    return undefined;
  }
  const kinds = Object.keys(REQUIREMENT_KEYS).filter((key) => Object.hasOwn(value, key));
  const [kind] = kinds;
  if (kind === undefined || kinds.length > 1) {
    checkKeys(value, [...Object.keys(REQUIREMENT_KEYS), "identity", "identities"], path, problems);
    problems.push(`${path} needs exactly one of ${Object.keys(REQUIREMENT_KEYS).join(", ")}`);
    return undefined;
  }
  checkKeys(value, [kind, ...(REQUIREMENT_KEYS[kind] ?? [])], path, problems);
  const content = value[kind];
  if (typeof content !== "string" || content === "") {
    problems.push(`${path}.${kind} is not a text`);
    return undefined;
  }
  if (kind === "ca" || kind === "signing-authority") {
    const identities = readIdentities(value.identities, `${path}.identities`, problems);
    const store = kind === "ca" ? "ca" : "signingAuthority";
    return { kind: "certificates", store, path: content, identities };
  }
  const identity = readIdentityRule(value.identity, `${path}.identity`, problems);
  if (kind === "key") return { kind: "key-file", path: content, identity };
  try {
    return { kind: "key", key: parsePublicKey(content, "it"), identity };
  } catch (error) {
    problems.push(`${path}.pem: ${formatError(error)}`);
    return undefined;
  }
}

function readIdentityRule(value: unknown, path: string, problems: string[]): IdentityRule {
  if (value === undefined) return "repository";
  if (value === "repository" || value === "exact" || value === "any") return value;
  const reference = typeof value === "string" ? spelledOut(value) : undefined;
  if (reference !== undefined) return reference;
  problems.push(`${path} is none of "repository", "exact", "any", and no image that is spelled out`);
  return "repository";
}

function spelledOut(text: string): Reference | undefined {
  try {
    const reference = parseReference(text);
    if (reference.digest !== undefined) return undefined;
    const whole = reference.tag === undefined ? formatRepository(reference) : formatReference(reference);
    return whole === text ? reference : undefined;
  } catch {
    return undefined;
  }
}

/** `*`, alone, stands for everybody (trust-store-trust-policy.md, "Trusted Identities Constraints"); so must nobody be forgotten. */
function readIdentities(value: unknown, path: string, problems: string[]): readonly DistinguishedName[] | undefined {
  if (!Array.isArray(value) || value.length === 0) {
    problems.push(`${path} is needed: a list of "x509.subject: C=…, ST=…, O=…", or ["*"]`);
    return [];
  }
  if (value.length === 1 && value[0] === "*") return undefined;
  return value.flatMap((item, index) => {
    const name = typeof item === "string" ? parseIdentity(item) : "is not a text";
    if (typeof name !== "string") return [name];
    problems.push(`${path}[${index}] ${name}`);
    return [];
  });
}
