import { readFileSync } from "node:fs";
import { join } from "node:path";
import { GantryError } from "../../errors/gantry-error.ts";
import { describeErrno } from "../../platform/errno.ts";
import type { CriuResponse } from "./criu-messages.ts";
import type { CriuLog } from "./fresh-log.ts";

const MAX_QUOTED = 4;

/** The last errors of a log of criu's, without times, and without what a container's names could do to a terminal. */
export function quoteErrors(log: string): readonly string[] {
  const errors = log.split("\n").filter((line) => line.includes("Error ("));
  return errors.slice(-MAX_QUOTED).map((line) =>
    line
      .replace(/^\(\d+\.\d+\) */, "")
      .trim()
      .replace(/\p{Cc}/gu, "?"),
  );
}

/** criu's failure in a sentence: what it wrote into its log, and where that is. */
export function criuFailure(task: string, response: CriuResponse | undefined, log: CriuLog): GantryError {
  const path = join(log.folder, log.file);
  let errors: readonly string[] = [];
  try {
    errors = quoteErrors(readFileSync(path, "utf8"));
  } catch {
    // It failed before it had one.
  }
  const said = response?.message || (response?.errno ? describeErrno(Math.abs(response.errno)) : "");
  const reasons = errors.length > 0 ? errors.join("; ") : said;
  return new GantryError("internal", `cannot ${task}: criu failed${reasons === "" ? "" : `: ${reasons}`}`, {
    hint: `its log is ${path}`,
  });
}
