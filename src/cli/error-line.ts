import { ApiError } from "../api/api-error.ts";
import { formatError, GantryError } from "../errors/gantry-error.ts";

/** The sentence for an error: what the daemon said is marked as its own, as with Docker. */
export function errorSentence(error: unknown): string {
  if (error instanceof ApiError) return `Error response from daemon: ${error.message}`;
  if (error instanceof GantryError) return formatError(error);
  return error instanceof Error ? error.message : String(error);
}

/** An error as one line of stderr. Gantry's own say whose they are; the others are in Docker's words, to the letter. */
export function errorLine(error: unknown): string {
  const isOurs = error instanceof GantryError && !(error instanceof ApiError);
  return `${isOurs ? "gantry: " : ""}${errorSentence(error)}`;
}
