/**
 * The closed set of what can go wrong. Each door has one exhaustive table from these to its protocol's status,
 * so that a new code fails the build there.
 */
const ERROR_CODES = [
  "invalid-argument",
  "not-found",
  "already-exists",
  "conflict",
  "permission-denied",
  "unavailable",
  "exhausted",
  "data-loss",
  "cancelled",
  "unsupported",
  "internal",
] as const;

export type ErrorCode = (typeof ERROR_CODES)[number];

export interface GantryErrorOptions {
  /** What the reader can do about it: one sentence without a full stop. */
  readonly hint?: string;
  /** The error that led here. */
  readonly cause?: unknown;
  /**
   * The status that a command ends with because of this error, where the field has a convention:
   * 125 the engine failed, 126 the program cannot be executed, 127 there is no such program.
   */
  readonly exitCode?: number;
}

/** An error whose message a user can read: what was tried, on what, and why it failed. */
export class GantryError extends Error {
  override readonly name = "GantryError";
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly exitCode: number | undefined;

  constructor(code: ErrorCode, message: string, options: GantryErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
    this.exitCode = options.exitCode;
  }
}

/** True if `error` is a GantryError, of the given code where one is given. */
export function isGantryError(error: unknown, code?: ErrorCode): error is GantryError {
  return error instanceof GantryError && (code === undefined || error.code === code);
}

/** The one line that a user sees for `error`: its message, its causes that add something, and its hint. */
export function formatError(error: unknown): string {
  const parts: string[] = [];
  let hint: string | undefined;
  for (let current = error; current !== undefined && parts.length < 8; ) {
    const message = current instanceof Error ? wordsOf(current, parts) : String(current);
    if (!parts.some((part) => part.includes(message))) parts.push(message);
    if (current instanceof GantryError) hint ??= current.hint;
    current = current instanceof Error ? current.cause : undefined;
  }
  const sentence = parts.join(": ");
  return hint === undefined ? sentence : `${sentence} (${hint})`;
}

/** What an error adds to a sentence: errors of system calls have the call, and a path or an address that the sentence has named already. */
function wordsOf(error: Error, said: readonly string[]): string {
  const { message, syscall, path, code, address, port } = error as NodeJS.ErrnoException & {
    readonly address?: string;
    readonly port?: number;
  };
  const [begin, end] = [`${syscall} `, ` ${address}:${port}`];
  if (message.startsWith(`${begin}${code}: `) && message.endsWith(end) && said.some((part) => part.includes(end)))
    return message.slice(begin.length, -end.length);
  const call = `, ${syscall} '${path}'`;
  if (path !== undefined && message.endsWith(call) && said.some((part) => part.includes(path)))
    return message.slice(0, -call.length);
  // The sentence has the reason in words already: its code and the call add nothing.
  const [, reason] = path === undefined ? (new RegExp(`^${code}: (.+), ${syscall}$`).exec(message) ?? []) : [];
  if (reason !== undefined && said.some((part) => part.includes(reason))) return reason;
  // Some errors of runtimes have a name and no words (AggregateError): never an empty line.
  return message || error.name;
}
