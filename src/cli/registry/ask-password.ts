import { GantryError } from "../../errors/gantry-error.ts";
import { typedLines } from "../streams/typed-lines.ts";
import type { Terminal } from "../terminal.ts";

const INPUT_BYTES_MAX = 4096;
const INTERRUPTED_STATUS = 130;

export interface AskPasswordOptions {
  /** Read it from standard input, one line, instead of asking. @default false */
  readonly isFromStdin?: boolean;
  /** It is one that is there already: ask once. @default false */
  readonly isKnown?: boolean;
  /** What to do where nobody can be asked. @default "give it on standard input with --password-stdin" */
  readonly hint?: string;
}

/**
 * A password: a new one asked for twice, without being shown, or read from standard input.
 *
 * @throws `invalid-argument` where nobody can be asked, or if the two are not the same; `cancelled` after Ctrl-C.
 */
export async function askPassword(terminal: Terminal, options: AskPasswordOptions): Promise<string> {
  if (options.isFromStdin) return await readPassword(terminal);
  using raw = terminal.stdin.setRawMode();
  if (raw === undefined) {
    throw new GantryError("invalid-argument", "there is no terminal to ask for a password", {
      hint: options.hint ?? "give it on standard input with --password-stdin",
    });
  }
  const typed = typedLines(terminal);
  try {
    const first = await ask(terminal, typed, "Password: ");
    if (options.isKnown) return first;
    const second = await ask(terminal, typed, "Again: ");
    if (first !== second) throw new GantryError("invalid-argument", "the two passwords are not the same");
    return first;
  } finally {
    await typed.return();
  }
}

/** A password from standard input, without its line's end. @throws `invalid-argument` if that is too long for one. */
export async function readPassword(terminal: Terminal): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of terminal.stdin.read()) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > INPUT_BYTES_MAX)
      throw new GantryError("invalid-argument", "standard input is no password: it is too long");
  }
  return Buffer.concat(chunks)
    .toString("utf8")
    .replace(/\r?\n$/, "");
}

async function ask(terminal: Terminal, typed: AsyncGenerator<string, void>, prompt: string): Promise<string> {
  await terminal.stderr.write(prompt);
  const { value } = await typed.next();
  await terminal.stderr.write("\r\n");
  if (value !== undefined) return value;
  throw new GantryError("cancelled", "no password was given", { exitCode: INTERRUPTED_STATUS });
}
