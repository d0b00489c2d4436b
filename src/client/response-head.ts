import { GantryError } from "../errors/gantry-error.ts";

/** Status line and header fields of an answer. */
export interface ResponseHead {
  readonly status: number;
  readonly reason: string;
  /** By name in lower case; fields that came several times are joined with a comma (RFC 9110, 5.3). */
  readonly headers: ReadonlyMap<string, string>;
}

/** The longest head that is read: more is not an answer of the Engine API. */
export const MAX_HEAD_BYTES = 64 * 1024;

/** Where the head ends in `bytes` (the index behind its empty line), or -1. */
export function findHeadEnd(bytes: Uint8Array): number {
  for (let index = bytes.indexOf(0x0a); index !== -1; index = bytes.indexOf(0x0a, index + 1)) {
    if (bytes[index + 1] === 0x0a) return index + 2;
    if (bytes[index + 1] === 0x0d && bytes[index + 2] === 0x0a) return index + 3;
  }
  return -1;
}

/**
 * Parses a head, its closing empty line included (RFC 9112, 4 and 5).
 *
 * @throws `data-loss` for what is not one.
 */
export function parseResponseHead(text: string): ResponseHead {
  const lines = text.split(/\r?\n/);
  const status = /^HTTP\/1\.[01] ([1-5]\d\d)(?: (.*))?$/.exec(lines[0] ?? "");
  if (status === null) throw malformed(`status line ${JSON.stringify((lines[0] ?? "").slice(0, 80))}`);
  const headers = new Map<string, string>();
  for (const line of lines.slice(1)) {
    if (line === "") break;
    const field = /^([!#$%&'*+\-.^_`|~\dA-Za-z]+):[ \t]*(.*?)[ \t]*$/.exec(line);
    if (field === null) throw malformed(`header line ${JSON.stringify(line.slice(0, 80))}`);
    const [, name = "", value = ""] = field;
    const known = headers.get(name.toLowerCase());
    headers.set(name.toLowerCase(), known === undefined ? value : `${known}, ${value}`);
  }
  return { status: Number(status[1]), reason: status[2] ?? "", headers };
}

function malformed(what: string): GantryError {
  return new GantryError("data-loss", `what answered is not the daemon: malformed ${what}`);
}
