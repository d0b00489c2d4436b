import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Assertion, parseTap } from "../parse-tap.ts";
import { buildRuntimeSuite } from "./build-suite.ts";
import { EXCEPTIONS } from "./exceptions.ts";

const TIMEOUT_MS = 120_000;

export interface SuiteResult {
  readonly passed: number;
  readonly failed: number;
  readonly excepted: number;
}

/**
 * Runs the validation suite against an OCI runtime.
 *
 * @param options `runtime`: its executable; `words`: only programs whose names have one of them.
 */
export function runRuntimeSuite(options: { readonly runtime: string; readonly words: readonly string[] }): SuiteResult {
  const { folder, programs } = buildRuntimeSuite();
  using place = new RuntimePlace(options.runtime);
  const { words } = options;
  const counts = { passed: 0, failed: 0, excepted: 0 };
  for (const name of programs) {
    if (words.length > 0 && !words.some((word) => name.includes(word))) continue;
    const program = runProgram(folder, name, place.runtime);
    const told: string[] = [];
    for (const assertion of program) {
      const reason = assertion.isPassed ? undefined : exceptionOf(name, assertion);
      if (assertion.isPassed) counts.passed++;
      else if (reason !== undefined) counts.excepted++;
      else counts.failed++;
      if (reason !== undefined) told.push(`  except ${assertion.text}: ${reason}`);
      else if (!assertion.isPassed) told.push(`  FAIL ${assertion.text}`, indent(assertion.details));
    }
    const isFine = !told.some((line) => line.startsWith("  FAIL"));
    process.stdout.write(`${isFine ? "ok  " : "FAIL"} ${name}\n${told.map((line) => `${line}\n`).join("")}`);
  }
  return counts;
}

/** The suite calls a runtime without options, and forgets containers: here it has a root of its own, which is cleared at the end. */
class RuntimePlace implements Disposable {
  /** Calls the runtime with that root. */
  readonly runtime: string;
  readonly #folder = mkdtempSync(join(tmpdir(), "gantry-conformance-"));

  constructor(runtime: string) {
    this.runtime = join(this.#folder, "runtime");
    const root = join(this.#folder, "root");
    writeFileSync(this.runtime, `#!/bin/sh\nexec '${runtime}' --root '${root}' "$@"\n`, { mode: 0o755 });
  }

  [Symbol.dispose](): void {
    const { stdout } = spawnSync(this.runtime, ["list", "--quiet"], { encoding: "utf8" });
    for (const id of stdout.split("\n").filter(Boolean)) spawnSync(this.runtime, ["delete", "--force", id]);
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** Its assertions, and one more of our own: that it came to its end. */
function runProgram(folder: string, name: string, runtime: string): Assertion[] {
  // What it mounts and forgets goes with a mount namespace of its own.
  const command = ["--mount", "--propagation", "private", join(folder, "programs", name)];
  const { status, signal, stdout, stderr } = spawnSync("unshare", command, {
    cwd: folder,
    encoding: "utf8",
    env: { ...process.env, RUNTIME: runtime },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: TIMEOUT_MS,
  });
  const assertions = parseTap(stdout);
  const isWhole = status === 0;
  const how = status === null ? `was ended by ${signal}` : `ended with ${status}`;
  return [...assertions, { isPassed: isWhole, text: `the program ${isWhole ? "ends" : how}`, details: stderr }];
}

function exceptionOf(program: string, { text, details }: Assertion): string | undefined {
  return EXCEPTIONS.find(
    (exception) => exception.programs.includes(program) && exception.matches.test(`${text}\n${details}`),
  )?.reason;
}

function indent(text: string): string {
  return text.trimEnd().replace(/^/gm, "    ");
}
