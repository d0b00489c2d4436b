import { describeErrno } from "../platform/errno.ts";
import { writeRawText } from "../platform/raw-file.ts";
import { selfCommand } from "../platform/self-command.ts";
import { runtimeMain } from "../runtime/cli/runtime-main.ts";
import { PROGRAM_VERSION } from "./version.ts";

function write(fd: number, text: string): void {
  const failure = writeRawText(fd, text);
  if (failure < 0) throw new Error(`cannot write what is to be printed: ${describeErrno(-failure)}`);
}

/** `gantry runtime`: an OCI runtime, without daemon, client or terminal. @returns the status to end with. */
export async function runRuntime(argv: readonly string[]): Promise<number> {
  return await runtimeMain(argv, {
    environment: process.env,
    workingFolder: () => process.cwd(),
    now: () => new Date(),
    get self() {
      return selfCommand();
    },
    version: PROGRAM_VERSION,
    print: (text) => write(1, text),
    complain: (text) => write(2, text),
  });
}
