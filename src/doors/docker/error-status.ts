import { type ErrorCode, formatError, GantryError, isGantryError } from "../../errors/gantry-error.ts";

/** Every code's HTTP status, as Docker's clients understand them (moby, `daemon/server/httpstatus`). */
const STATUSES: Readonly<Record<ErrorCode, number>> = {
  "invalid-argument": 400,
  "permission-denied": 403,
  "not-found": 404,
  "already-exists": 409,
  conflict: 409,
  exhausted: 507,
  cancelled: 499,
  "data-loss": 500,
  internal: 500,
  unsupported: 501,
  unavailable: 503,
};

/** What is answered to a call that failed. */
export interface ErrorAnswer {
  readonly status: number;
  readonly message: string;
}

/** The answer for an error. One that is not ours is a defect: its message is told, its stack never. */
export function errorAnswer(error: unknown): ErrorAnswer {
  if (error instanceof RequestError) return { status: error.status, message: error.message };
  const message = formatError(error);
  if (!isGantryError(error)) return { status: 500, message };
  const program = PROGRAM_FAILURES.find(({ exitCode }) => exitCode === error.exitCode);
  if (program === undefined) return { status: STATUSES[error.code], message };
  return { status: 400, message: program.words.test(message) ? message : `${message}: ${program.otherwise}` };
}

/**
 * The docker client takes the exit codes 127 and 126 from words of the message (docker/cli,
 * `cli/command/container/run.go`, `toStatusError`): they have to be in it. The status is that of a caller's mistake.
 */
const PROGRAM_FAILURES = [
  {
    exitCode: 127,
    words: /executable file not found|no such file or directory/,
    otherwise: "no such file or directory",
  },
  { exitCode: 126, words: /permission denied|is a directory/, otherwise: "permission denied" },
] as const;

/** A request that cannot be answered because of its form; its status has no code of ours. */
export class RequestError extends GantryError {
  readonly status: number;

  constructor(status: number, message: string) {
    super("invalid-argument", message);
    this.status = status;
  }
}
