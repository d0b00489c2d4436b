import type { GantryError } from "../../errors/gantry-error.ts";
import { type ReadBodyOptions, readBodyWithin } from "./response-body.ts";

/** Why a registry refused, in its own words (distribution-spec, "Error Codes"). */
export interface RegistryProblem {
  readonly status: number;
  /** `MANIFEST_UNKNOWN`, or `""` where the registry gave none. */
  readonly code: string;
  /** The code and the registry's message, as Docker writes them: `manifest unknown: manifest unknown`. */
  readonly text: string;
}

const BODY_BYTES_MAX = 64 * 1024;
const TEXT_LENGTH_MAX = 500;

/** One line that is safe to print: no control characters, no more than a sentence. */
function toLine(text: string): string {
  return text
    .replace(/[\p{Cc}\p{Cf}\s]+/gu, " ")
    .trim()
    .slice(0, TEXT_LENGTH_MAX);
}

function firstError(body: string): { code: string; message: string } | undefined {
  try {
    const document: unknown = JSON.parse(body);
    const { errors, details, message } = document as { errors?: unknown; details?: unknown; message?: unknown };
    const [first] = Array.isArray(errors) ? (errors as unknown[]) : [];
    const error = (first ?? {}) as { code?: unknown; message?: unknown };
    // Token servers answer with `details` or `message` alone.
    const said = [error.message, details, message].find((item) => typeof item === "string");
    const code = typeof error.code === "string" && /^[A-Z0-9_]{1,64}$/.test(error.code) ? error.code : "";
    return { code, message: typeof said === "string" ? said : "" };
  } catch {
    return undefined;
  }
}

/** Reads why a registry refused. Never fails: what cannot be read is told by its status. */
export async function readProblem(response: Response, options: ReadBodyOptions): Promise<RegistryProblem> {
  let body = "";
  try {
    body = new TextDecoder().decode(await readBodyWithin(response, BODY_BYTES_MAX, options));
  } catch (error) {
    if ((error as GantryError).code === "cancelled") throw error;
  }
  const { code, message } = firstError(body) ?? { code: "", message: "" };
  const status = `${response.status} ${response.statusText}`.trim();
  const parts = [code.toLowerCase().replaceAll("_", " "), toLine(message)].filter((part) => part !== "");
  return {
    status: response.status,
    code,
    text: parts.length > 0 ? parts.join(": ") : `the registry answered ${toLine(status)}`,
  };
}
