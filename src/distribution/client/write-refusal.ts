import { type ErrorCode, GantryError } from "../../errors/gantry-error.ts";
import type { RegistryProblem } from "./registry-problem.ts";

const CODES: Readonly<Record<number, ErrorCode>> = {
  400: "invalid-argument",
  401: "permission-denied",
  403: "permission-denied",
  404: "not-found",
  405: "unsupported",
  413: "exhausted",
  429: "exhausted",
  507: "exhausted",
};

/** What whoever is forbidden it can do, too, unless that is for another reason: a quota. */
const LOG_IN = "log in with `gantry login`, as somebody who may write there";

/** The error of a registry that does not take what it was given, or does not delete what it was asked to. */
export function writeRefusal(what: string, problem: RegistryProblem, verb: "push" | "delete" = "push"): GantryError {
  const hint = problem.status === 401 ? LOG_IN : `if it is about rights: ${LOG_IN}`;
  const code = problem.code === "DENIED" ? "permission-denied" : (CODES[problem.status] ?? "unavailable");
  return new GantryError(code, `cannot ${verb} ${what}: ${problem.text}`, code === "permission-denied" ? { hint } : {});
}
