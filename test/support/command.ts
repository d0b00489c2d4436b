import { spawn } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { join } from "node:path";

/** Where programs are, system administrators' included. */
const PATH = `${process.env.PATH ?? ""}:/usr/local/sbin:/usr/sbin:/sbin`;

/** The path of a program, or undefined if it is not installed. */
export function findProgram(name: string): string | undefined {
  for (const folder of PATH.split(":")) {
    const path = join(folder, name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // Not there.
    }
  }
  return undefined;
}

/** Why tests that need root and these programs cannot run here; undefined if they can. */
export function skipReason(needs: {
  readonly root?: boolean;
  readonly programs?: readonly string[];
}): string | undefined {
  if (needs.root && process.getuid?.() !== 0) return "needs root";
  const missing = (needs.programs ?? []).filter((name) => findProgram(name) === undefined);
  return missing.length === 0 ? undefined : `not installed: ${missing.join(", ")} (scripts/install-test-tools.sh)`;
}

/** Runs a program to its end and gives its output; throws with its output if it fails. Buffers. */
export async function run(command: readonly string[], options: { readonly input?: Uint8Array } = {}): Promise<string> {
  const [program = "", ...args] = command;
  const child = spawn(findProgram(program) ?? program, args, {
    stdio: [options.input === undefined ? "ignore" : "pipe", "pipe", "pipe"],
    env: { ...process.env, PATH },
  });
  const output: Buffer[] = [];
  const errors: Buffer[] = [];
  child.stdout?.on("data", (chunk: Buffer) => output.push(chunk));
  child.stderr?.on("data", (chunk: Buffer) => errors.push(chunk));
  child.stdin?.end(options.input);
  const { promise, resolve, reject } = Promise.withResolvers<number | null>();
  child.on("error", reject);
  child.on("close", resolve);
  const status = await promise;
  const text = Buffer.concat(output).toString();
  if (status === 0) return text;
  throw new Error(`${command.join(" ")} failed with ${status}:\n${text}${Buffer.concat(errors).toString()}`);
}
