import { errorLine } from "./error-line.ts";
import type { Terminal } from "./terminal.ts";

const PARALLEL = 50;

/**
 * Does the same to many containers or images at once; prints each one's result in the order in which they were named,
 * errors on stderr.
 *
 * @param act gives what is printed for a target; `undefined`: nothing.
 * @returns 1 if one of them failed.
 */
export async function eachTarget(
  terminal: Terminal,
  targets: readonly string[],
  act: (target: string) => Promise<string | undefined>,
): Promise<number> {
  let status = 0;
  for (let first = 0; first < targets.length; first += PARALLEL) {
    const results = await Promise.allSettled(targets.slice(first, first + PARALLEL).map(act));
    for (const result of results) {
      if (result.status === "rejected") {
        await terminal.stderr.write(`${errorLine(result.reason)}\n`);
        status = 1;
      } else if (result.value !== undefined) await terminal.stdout.write(`${result.value}\n`);
    }
  }
  return status;
}
