import { findTomlLine, tomlLines } from "./toml-lines.ts";
import { leadingTomlPath } from "./toml-path.ts";

/** More than people mend at a time is counted. */
const PROBLEMS_SHOWN = 20;

/** Problems as one sentence tells them. */
export function joinProblems(problems: readonly string[]): string {
  const rest = problems.length - PROBLEMS_SHOWN;
  return problems.slice(0, PROBLEMS_SHOWN).join("; ") + (rest > 0 ? `; and ${rest} more` : "");
}

/**
 * What is wrong with a TOML text, as one sentence. Each problem begins with the path of what it speaks of (`scrub.rate is …`), and is told
 * with the line of that, or of what holds it if it is not there.
 */
export function describeTomlProblems(toml: string, problems: readonly string[]): string {
  const lines = tomlLines(toml);
  return joinProblems(
    problems.map((problem) => {
      const line = findTomlLine(lines, leadingTomlPath(problem));
      return line === undefined ? problem : `line ${line}: ${problem}`;
    }),
  );
}
