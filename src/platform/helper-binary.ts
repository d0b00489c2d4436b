import { readFileSync } from "node:fs";
import { join } from "node:path";

/**
 * The native helper's bytes: the copy inside the packaged program, or the one that was built in the checkout.
 *
 * @throws the file system's error if a checkout has no built helper.
 */
export async function readHelperBinary(): Promise<Uint8Array> {
  const embedded = Bun.embeddedFiles.find((file) => (file as File).name.startsWith("gantry-helper"));
  if (embedded !== undefined) return new Uint8Array(await embedded.arrayBuffer());
  return readFileSync(join(import.meta.dir, "../../dist/native/gantry-helper"));
}
