import { GantryError } from "../../errors/gantry-error.ts";
import type { Seccomp, SeccompAction, SeccompArgument, SeccompOperator } from "../../oci/runtime-spec.ts";
import { parseJson } from "../spec/parse-json.ts";
import { SECCOMP_ACTIONS } from "./seccomp-action.ts";
import { nativeArchitecture } from "./seccomp-architecture.ts";
import { type ConditionalRule, type RuleFilter, type SelectRulesOptions, selectRules } from "./select-rules.ts";
import { SECCOMP_OPERATORS } from "./syscall-decisions.ts";

const ACTIONS: ReadonlySet<string> = new Set(SECCOMP_ACTIONS);
const OPERATORS: ReadonlySet<string> = new Set(SECCOMP_OPERATORS);

/** A profile is read as a whole; Docker's own has 20 KB. */
const MAX_PROFILE_BYTES = 1024 * 1024;

/** Reads JSON of unknown form and collects every problem with its path, instead of stopping at the first. */
class Reader {
  readonly problems: string[] = [];

  #refuse(path: string, wanted: string): undefined {
    if (this.problems.length < 20) this.problems.push(`${path} must be ${wanted}`);
    return undefined;
  }

  object(value: unknown, path: string): Readonly<Record<string, unknown>> {
    if (value === undefined || value === null) return {};
    if (typeof value === "object" && !Array.isArray(value)) return value as Readonly<Record<string, unknown>>;
    this.#refuse(path, "an object");
    return {};
  }

  array(value: unknown, path: string): readonly unknown[] {
    if (value === undefined || value === null) return [];
    if (Array.isArray(value)) return value;
    this.#refuse(path, "an array");
    return [];
  }

  text(value: unknown, path: string): string | undefined {
    if (value === undefined || value === null || typeof value === "string") return value ?? undefined;
    return this.#refuse(path, "a string");
  }

  texts(value: unknown, path: string): readonly string[] {
    return this.array(value, path).flatMap((item, index) => this.text(item, `${path}[${index}]`) ?? []);
  }

  oneOf<Name extends string>(value: unknown, path: string, names: ReadonlySet<string>): Name | undefined {
    if (typeof value === "string" && names.has(value)) return value as Name;
    return this.#refuse(path, `one of ${[...names].join(", ")}`);
  }

  integer(value: unknown, path: string): number | bigint | undefined {
    if (value === undefined || value === null) return undefined;
    if (typeof value === "bigint" && value >= 0n) return value;
    if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
    return this.#refuse(path, "an integer of at least 0");
  }
}

function readArgument(reader: Reader, value: unknown, path: string): SeccompArgument {
  const argument = reader.object(value, path);
  const valueTwo = reader.integer(argument.valueTwo, `${path}.valueTwo`);
  return {
    index: Number(reader.integer(argument.index, `${path}.index`) ?? 0),
    value: reader.integer(argument.value, `${path}.value`) ?? 0,
    ...(valueTwo !== undefined && { valueTwo }),
    op: reader.oneOf<SeccompOperator>(argument.op, `${path}.op`, OPERATORS) ?? "SCMP_CMP_EQ",
  };
}

function readFilter(reader: Reader, value: unknown, path: string): RuleFilter {
  const filter = reader.object(value, path);
  const minKernel = reader.text(filter.minKernel, `${path}.minKernel`);
  if (minKernel !== undefined && !/^\d{1,6}\.\d{1,6}/.test(minKernel))
    reader.problems.push(`${path}.minKernel must be like 4.8`);
  return {
    arches: reader.texts(filter.arches, `${path}.arches`),
    caps: reader.texts(filter.caps, `${path}.caps`),
    ...(minKernel !== undefined && { minKernel }),
  };
}

function readRule(reader: Reader, value: unknown, path: string): ConditionalRule {
  const rule = reader.object(value, path);
  const name = reader.text(rule.name, `${path}.name`);
  const names = reader.texts(rule.names, `${path}.names`);
  if (name !== undefined && name !== "" && names.length > 0) reader.problems.push(`${path} has both name and names`);
  const errnoRet = reader.integer(rule.errnoRet, `${path}.errnoRet`);
  return {
    names: name !== undefined && name !== "" ? [name] : names,
    action: reader.oneOf<SeccompAction>(rule.action, `${path}.action`, ACTIONS) ?? "SCMP_ACT_ERRNO",
    ...(errnoRet !== undefined && { errnoRet: Number(errnoRet) }),
    args: reader
      .array(rule.args, `${path}.args`)
      .map((item, index) => readArgument(reader, item, `${path}.args[${index}]`)),
    includes: readFilter(reader, rule.includes, `${path}.includes`),
    excludes: readFilter(reader, rule.excludes, `${path}.excludes`),
  };
}

function readArchitectures(
  reader: Reader,
  profile: Readonly<Record<string, unknown>>,
  native: string,
): readonly string[] {
  const plain = reader.texts(profile.architectures, "architectures");
  const map = reader.array(profile.archMap, "archMap");
  if (plain.length > 0 && map.length > 0)
    reader.problems.push("architectures and archMap are both there; use one of them");
  for (const [index, value] of map.entries()) {
    const entry = reader.object(value, `archMap[${index}]`);
    const subs = reader.texts(entry.subArchitectures, `archMap[${index}].subArchitectures`);
    if (reader.text(entry.architecture, `archMap[${index}].architecture`) === native) return [native, ...subs];
  }
  return plain;
}

/**
 * Reads a profile as `--security-opt seccomp=FILE` takes it: the OCI form, or Docker's with `archMap`, `includes` and
 * `excludes`, which are resolved here for one container. Undefined when it says nothing, neither default nor rules: that
 * is no filter (moby/profiles: seccomp/seccomp_linux.go).
 *
 * @throws `invalid-argument` with every problem of the document and its path.
 */
export function parseSeccompProfile(json: string, options: SelectRulesOptions): Seccomp | undefined {
  if (json.length > MAX_PROFILE_BYTES) {
    throw new GantryError("invalid-argument", `the seccomp profile is longer than ${MAX_PROFILE_BYTES} bytes`);
  }
  const document = parseJson(json);
  if ("problem" in document)
    throw new GantryError("invalid-argument", `the seccomp profile is not JSON: ${document.problem}`);
  const reader = new Reader();
  const profile = reader.object(document.value, "the profile");
  const rules = reader
    .array(profile.syscalls, "syscalls")
    .map((value, index) => readRule(reader, value, `syscalls[${index}]`));
  const isEmpty = rules.length === 0 && (profile.defaultAction ?? "") === "";
  if (isEmpty && reader.problems.length === 0) return undefined;
  const defaultErrnoRet = reader.integer(profile.defaultErrnoRet, "defaultErrnoRet");
  const listenerPath = reader.text(profile.listenerPath, "listenerPath");
  const listenerMetadata = reader.text(profile.listenerMetadata, "listenerMetadata");
  const seccomp = {
    defaultAction: reader.oneOf<SeccompAction>(profile.defaultAction, "defaultAction", ACTIONS) ?? "SCMP_ACT_ERRNO",
    ...(defaultErrnoRet !== undefined && { defaultErrnoRet: Number(defaultErrnoRet) }),
    architectures: readArchitectures(reader, profile, nativeArchitecture(options.arch).name),
    // An empty list is one: without any, compileSeccomp chooses.
    ...(profile.flags !== undefined && profile.flags !== null && { flags: reader.texts(profile.flags, "flags") }),
    ...(listenerPath !== undefined && { listenerPath }),
    ...(listenerMetadata !== undefined && { listenerMetadata }),
  } satisfies Seccomp;
  if (reader.problems.length > 0) {
    throw new GantryError("invalid-argument", `the seccomp profile is not valid: ${reader.problems.join("; ")}`);
  }
  return { ...seccomp, syscalls: selectRules(rules, options) };
}
