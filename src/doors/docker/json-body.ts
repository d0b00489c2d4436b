import { RequestError } from "./error-status.ts";

/** The longest JSON body of a request; a seccomp profile within a create request takes a few tens of KiB. */
export const MAX_JSON_BODY_BYTES = 4 * 1024 * 1024;

/**
 * Parses the JSON of a request's body.
 *
 * @throws 400 that names the place where it stops being JSON.
 */
export function parseJsonBody(text: string): unknown {
  if (text.trim() === "") throw new RequestError(400, "invalid JSON: got EOF while reading request body");
  try {
    return JSON.parse(text);
  } catch {
    const { line, column } = locate(text, findJsonError(text));
    throw new RequestError(400, `invalid JSON in the request's body at line ${line}, column ${column}`);
  }
}

function locate(text: string, offset: number): { readonly line: number; readonly column: number } {
  const before = text.slice(0, offset).split("\n");
  return { line: before.length, column: (before.at(-1)?.length ?? 0) + 1 };
}

const STRING = /"(?:[^"\\\p{Cc}]|[\u007f-\u009f]|\\(?:["\\/bfnrt]|u[\da-fA-F]{4}))*"/uy;
const LITERAL = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.])|(?:true|false|null)(?!\w)/y;
const SPACE = /[ \t\r\n]*/y;

/**
 * Where a text stops being JSON (RFC 8259): the engine's own parser does not say. Without recursion, since the depth
 * is the sender's choice.
 */
export function findJsonError(text: string): number {
  const open: ("object" | "array")[] = [];
  let position = 0;
  let expects: "value" | "value-or-end" | "key" | "key-or-end" | "after-value" = "value";
  const match = (pattern: RegExp): boolean => {
    pattern.lastIndex = position;
    if (!pattern.test(text)) return false;
    position = pattern.lastIndex;
    return true;
  };
  for (;;) {
    match(SPACE);
    const character = text[position];
    if (expects === "after-value") {
      const inside = open.at(-1);
      if (inside === undefined) return position;
      if (character === ",") {
        position++;
        expects = inside === "object" ? "key" : "value";
      } else if (character === (inside === "object" ? "}" : "]")) {
        position++;
        open.pop();
      } else return position;
    } else if (expects === "key" || expects === "key-or-end") {
      if (expects === "key-or-end" && character === "}") {
        position++;
        open.pop();
        expects = "after-value";
        continue;
      }
      if (!match(STRING)) return position;
      match(SPACE);
      if (text[position] !== ":") return position;
      position++;
      expects = "value";
    } else if (expects === "value-or-end" && character === "]") {
      position++;
      open.pop();
      expects = "after-value";
    } else if (character === "{") {
      position++;
      open.push("object");
      expects = "key-or-end";
    } else if (character === "[") {
      position++;
      open.push("array");
      expects = "value-or-end";
    } else if (match(STRING) || match(LITERAL)) expects = "after-value";
    else return position;
  }
}
