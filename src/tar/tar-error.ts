import { GantryError } from "../errors/gantry-error.ts";

/** What is wrong with an archive. */
export function invalidTar(problem: string): GantryError {
  return new GantryError("data-loss", `invalid tar archive: ${problem}`);
}
