import { GantryError } from "../../errors/gantry-error.ts";

/** One complete type of D-Bus, taken apart. */
export type DbusType =
  | { readonly kind: "basic"; readonly code: BasicCode }
  | { readonly kind: "variant" }
  | { readonly kind: "array"; readonly element: DbusType }
  | { readonly kind: "struct"; readonly fields: readonly DbusType[] }
  /** Only as an array's element. */
  | { readonly kind: "entry"; readonly fields: readonly DbusType[] };

export type BasicCode = "y" | "b" | "n" | "q" | "i" | "u" | "x" | "t" | "d" | "s" | "o" | "g" | "h";

const BASIC = "ybnqiuxtdsogh";
const MAX_BYTES = 255;
const MAX_DEPTH = 32;

/**
 * Takes a signature apart (D-Bus Specification, "Type System").
 *
 * @throws `invalid-argument` for what is no signature, or nested deeper than the specification allows.
 */
export function parseSignature(signature: string): readonly DbusType[] {
  if (signature.length > MAX_BYTES) throw invalid(signature);
  const types: DbusType[] = [];
  let at = 0;
  const one = (depth: number, inArray: boolean): DbusType => {
    const code = signature[at++];
    if (code === undefined || depth > MAX_DEPTH) throw invalid(signature);
    if (BASIC.includes(code)) return { kind: "basic", code: code as BasicCode };
    if (code === "v") return { kind: "variant" };
    if (code === "a") return { kind: "array", element: one(depth + 1, true) };
    if (code === "(") return { kind: "struct", fields: fieldsUntil(")", depth) };
    if (code === "{" && inArray) {
      const fields = fieldsUntil("}", depth);
      if (fields.length === 2 && fields[0]?.kind === "basic") return { kind: "entry", fields };
    }
    throw invalid(signature);
  };
  const fieldsUntil = (end: string, depth: number): DbusType[] => {
    const fields: DbusType[] = [];
    while (signature[at] !== end) fields.push(one(depth + 1, false));
    at++;
    if (fields.length === 0) throw invalid(signature);
    return fields;
  };
  while (at < signature.length) types.push(one(0, false));
  return types;
}

function invalid(signature: string): GantryError {
  return new GantryError("invalid-argument", `not a D-Bus signature: ${JSON.stringify(signature.slice(0, MAX_BYTES))}`);
}

/** The offset that a value of this type begins at is a multiple of this ("Marshaling"). */
export function alignmentOf(type: DbusType): number {
  switch (type.kind) {
    case "variant":
      return 1;
    case "array":
      return 4;
    case "struct":
    case "entry":
      return 8;
    case "basic":
      return ALIGNMENTS[type.code];
  }
}

const ALIGNMENTS: Readonly<Record<BasicCode, number>> = {
  ...{ y: 1, g: 1, n: 2, q: 2, b: 4, i: 4, u: 4, s: 4, o: 4, h: 4 },
  ...{ x: 8, t: 8, d: 8 },
};
