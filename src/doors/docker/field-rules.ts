/** The shape of a field's value. `null` is always taken as left out. */
export type FieldShape =
  | "text"
  | "flag"
  | "integer"
  | "texts"
  | "text-map"
  | "set"
  | "console-size"
  | "object"
  | "objects"
  | "port-map";

/** What is done with one field of a request. A table of these is total: a new field fails the type check. */
export type FieldRule =
  /** It has its effect. */
  | { readonly is: "served"; readonly shape: FieldShape }
  /** It may come with a value that asks for nothing (empty, or one of these); anything else is refused by name. */
  | { readonly is: "absent"; readonly flag: string; readonly neutral: readonly unknown[] }
  /** The same for a list whose empty value asks for something: only `null` asks for nothing. */
  | { readonly is: "absent-list"; readonly flag: string }
  /** Whatever it says changes nothing here, for the reason given. */
  | { readonly is: "harmless"; readonly reason: string };

export type FieldTable<T> = { readonly [Field in keyof Required<T>]: FieldRule };

export const served = (shape: FieldShape): FieldRule => ({ is: "served", shape });
export const absent = (flag: string, ...neutral: readonly unknown[]): FieldRule => ({ is: "absent", flag, neutral });
export const absentList = (flag: string): FieldRule => ({ is: "absent-list", flag });
export const harmless = (reason: string): FieldRule => ({ is: "harmless", reason });

/** What is wrong with an object's fields. */
export interface FieldProblem {
  readonly kind: "malformed" | "unsupported";
  /** `HostConfig.Ulimits` */
  readonly path: string;
  readonly sentence: string;
}

/** Looks at every field of an object and names all that cannot be served. `prefix` ends with a dot, or is empty. */
export function checkFields(
  value: Readonly<Record<string, unknown>>,
  table: Readonly<Record<string, FieldRule>>,
  prefix: string,
): readonly FieldProblem[] {
  return Object.entries(value).flatMap(([name, field]) => {
    const rule = Object.hasOwn(table, name) ? table[name] : undefined;
    return checkField(`${prefix}${name}`, field, rule);
  });
}

function checkField(path: string, field: unknown, rule: FieldRule | undefined): readonly FieldProblem[] {
  if (rule === undefined) {
    if (isNothing(field)) return [];
    return [{ kind: "unsupported", path, sentence: `${path} is not a field of this API` }];
  }
  if (rule.is === "harmless") return [];
  if (rule.is === "absent-list") return field === null || field === undefined ? [] : [notThere(path, rule.flag)];
  if (rule.is === "absent") {
    if (isNothing(field) || rule.neutral.some((neutral) => isSame(neutral, field))) return [];
    return [notThere(path, rule.flag)];
  }
  if (field === null || field === undefined || SHAPES[rule.shape](field)) return [];
  return [{ kind: "malformed", path, sentence: `${path} is not ${SHAPE_WORDS[rule.shape]}` }];
}

function notThere(path: string, flag: string): FieldProblem {
  return { kind: "unsupported", path, sentence: `${path}${flag === "" ? "" : ` (${flag})`} is not there yet` };
}

const isText = (value: unknown): value is string => typeof value === "string";
const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const SHAPES: Readonly<Record<FieldShape, (value: unknown) => boolean>> = {
  text: isText,
  flag: (value) => typeof value === "boolean",
  integer: (value) => Number.isInteger(value),
  texts: (value) => Array.isArray(value) && value.every(isText),
  "text-map": (value) => isObject(value) && Object.values(value).every(isText),
  set: (value) => isObject(value) && Object.values(value).every((entry) => entry === null || isObject(entry)),
  "console-size": (value) =>
    Array.isArray(value) && value.length === 2 && value.every((size) => Number.isInteger(size) && size >= 0),
  object: isObject,
  objects: (value) => Array.isArray(value) && value.every(isObject),
  "port-map": (value) =>
    isObject(value) &&
    Object.values(value).every(
      (bindings) =>
        bindings === null ||
        (Array.isArray(bindings) &&
          bindings.every(
            (binding) =>
              isObject(binding) &&
              (binding.HostIp === undefined || isText(binding.HostIp)) &&
              (binding.HostPort === undefined || isText(binding.HostPort)),
          )),
    ),
};

const SHAPE_WORDS: Readonly<Record<FieldShape, string>> = {
  text: "a string",
  flag: "true or false",
  integer: "a whole number",
  texts: "a list of strings",
  "text-map": "an object of strings",
  set: "an object of empty objects",
  "console-size": "a list of height and width",
  object: "an object",
  objects: "a list of objects",
  "port-map": "an object of lists of HostIp and HostPort",
};

/** What a client sends for a field that was not set. */
function isNothing(value: unknown): boolean {
  if (value === undefined || value === null || value === "" || value === 0 || value === false) return true;
  if (Array.isArray(value)) return value.every(isNothing);
  return isObject(value) && Object.values(value).every(isNothing);
}

/** Equal, whatever the order of fields and with those left out that say nothing. */
function isSame(left: unknown, right: unknown): boolean {
  return JSON.stringify(normalize(left)) === JSON.stringify(normalize(right));
}

function normalize(value: unknown): unknown {
  if (!isObject(value)) return value;
  return Object.entries(value)
    .filter(([, field]) => !isNothing(field))
    .sort(([left], [right]) => (left < right ? -1 : 1));
}
