import { constants, createReadStream } from "node:fs";
import { access, stat } from "node:fs/promises";
import { defineCommand } from "../command.ts";
import { switchFlag, textFlag } from "../flags/flag.ts";
import { showProgress } from "../streams/show-progress.ts";
import { fileFailure } from "../values/file-failure.ts";
import { resolveHostPath } from "../values/host-path.ts";

const CHUNK_BYTES = 256 * 1024;

/** Does not open it: a pipe is opened once. @throws what is wrong with a file, with the name that the user gave */
async function requireFile(path: string, name: string): Promise<void> {
  try {
    await access(path, constants.R_OK);
    if ((await stat(path)).isDirectory()) throw Object.assign(new Error("no archive"), { code: "EISDIR" });
  } catch (error) {
    throw fileFailure(name, error);
  }
}

export const command = defineCommand({
  usage: "[OPTIONS]",
  flags: {
    input: textFlag("Read this archive instead of STDIN", { short: "i" }),
    platform: textFlag("Load this platform alone (linux/amd64)"),
    quiet: switchFlag("Do not show the progress", { short: "q" }),
  },
  arguments: { min: 0, max: 0 },
  async run({ terminal, connect }, { flags }) {
    if (flags.input === undefined && terminal.stdin.isTerminal) {
      throw new Error("requested load from stdin, but stdin is empty");
    }
    const path = flags.input === undefined ? undefined : resolveHostPath(flags.input, terminal);
    if (path !== undefined) await requireFile(path, flags.input ?? path);
    const archive = path === undefined ? terminal.stdin.read() : createReadStream(path, { highWaterMark: CHUNK_BYTES });
    const api = await connect();
    const isQuiet = flags.quiet || !terminal.stdout.isTerminal;
    const progress = await api.loadImages(archive, {
      quiet: isQuiet,
      ...(flags.platform === undefined ? {} : { platform: flags.platform }),
    });
    await showProgress(progress, terminal.stdout, terminal);
    return 0;
  },
});
