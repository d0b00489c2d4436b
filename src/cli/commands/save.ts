import { open, rename, unlink } from "node:fs/promises";
import { writeWhole } from "../../platform/write-whole.ts";
import { defineCommand } from "../command.ts";
import { textFlag } from "../flags/flag.ts";
import { fileFailure } from "../values/file-failure.ts";
import { resolveHostPath } from "../values/host-path.ts";

/** Writes the archive beside its place and renames it there: a failure leaves no half of it. */
async function writeFile(path: string, archive: AsyncIterable<Uint8Array>, nowMs: number): Promise<void> {
  const temporary = `${path}.${nowMs}.tmp`;
  const file = await open(temporary, "wx", 0o600).catch((error: unknown) => {
    throw fileFailure(path, error);
  });
  try {
    let position = 0;
    for await (const bytes of archive) {
      await writeWhole(file.fd, bytes, position).catch((error: unknown) => {
        throw fileFailure(path, error, "write");
      });
      position += bytes.byteLength;
    }
    await file.close();
    await rename(temporary, path);
  } catch (error) {
    await file.close().catch(() => {});
    await unlink(temporary).catch(() => {});
    throw error;
  }
}

export const command = defineCommand({
  usage: "[OPTIONS] IMAGE [IMAGE...]",
  flags: {
    output: textFlag("Write to this file instead of STDOUT", { short: "o" }),
    platform: textFlag("Save this platform alone (linux/amd64)"),
  },
  arguments: { min: 1 },
  async run({ terminal, connect }, { flags, positionals }) {
    if (flags.output === undefined && terminal.stdout.isTerminal) {
      throw new Error("cowardly refusing to save to a terminal. Use the -o flag or redirect");
    }
    const api = await connect();
    const archive = await api.saveImages(positionals, flags.platform === undefined ? {} : { platform: flags.platform });
    if (flags.output !== undefined) await writeFile(resolveHostPath(flags.output, terminal), archive, terminal.now());
    else for await (const bytes of archive) await terminal.stdout.write(bytes);
    return 0;
  },
});
