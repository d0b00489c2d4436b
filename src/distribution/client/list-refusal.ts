import { GantryError } from "../../errors/gantry-error.ts";
import type { RegistryProblem } from "./registry-problem.ts";

/** The error of a registry that does not give a list. */
export function listRefusal(what: string, { status, text }: Pick<RegistryProblem, "status" | "text">): GantryError {
  const isForbidden = status === 401 || status === 403;
  return new GantryError(isForbidden ? "permission-denied" : "unavailable", `cannot list the ${what}: ${text}`, {
    ...(isForbidden ? { hint: "log in with `gantry login`, as somebody who may read there" } : {}),
  });
}
