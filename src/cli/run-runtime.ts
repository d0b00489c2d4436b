import { writeSync } from "node:fs";
import { selfCommand } from "../platform/self-command.ts";
import { runtimeMain } from "../runtime/cli/runtime-main.ts";
import { PROGRAM_VERSION } from "./version.ts";

function write(fd: number, text: string): void {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
}

/** `gantry runtime`: an OCI runtime, without daemon, client or terminal. @returns the status to end with. */
export async function runRuntime(argv: readonly string[]): Promise<number> {
  return await runtimeMain(argv, {
    environment: process.env,
    workingFolder: () => process.cwd(),
    now: () => new Date(),
    self: selfCommand(),
    version: PROGRAM_VERSION,
    print: (text) => write(1, text),
    complain: (text) => write(2, text),
  });
}
