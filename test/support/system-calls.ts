import { readFileSync } from "node:fs";

/** A system call as strace saw it. Times are numbers of lines: one call was over before another began if its end is smaller. */
export interface SystemCall {
  readonly name: string;
  /** Arguments and result, as strace writes them. */
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

/** Reads what `strace -f -o FILE` wrote; what is still going on is left out. */
export function readSystemCalls(path: string): readonly SystemCall[] {
  const calls: SystemCall[] = [];
  const unfinished = new Map<string, { readonly name: string; readonly text: string; readonly start: number }>();
  // A last line without an end is half of one that is being written: it would be found a second time, whole, by who counts lines.
  for (const [line, text] of readFileSync(path, "utf8").split("\n").slice(0, -1).entries()) {
    const [, pid = "", rest = ""] = /^(\d+) +(.*)$/.exec(text) ?? [];
    const [, resumed] = /^<\.\.\. (\w+) resumed>/.exec(rest) ?? [];
    if (resumed !== undefined) {
      const begun = unfinished.get(`${pid} ${resumed}`);
      if (begun !== undefined) calls.push({ ...begun, text: begun.text + rest, end: line });
      continue;
    }
    const [, name] = /^(\w+)\(/.exec(rest) ?? [];
    if (name === undefined) continue;
    if (rest.endsWith("<unfinished ...>")) unfinished.set(`${pid} ${name}`, { name, text: rest, start: line });
    else calls.push({ name, text: rest, start: line, end: line });
  }
  return calls.toSorted((left, right) => left.start - right.start);
}
