import { join } from "node:path";
import { run } from "./command.ts";

/** Compiles `probe.c`, which tries from inside what a container should not be able to do, into a folder. Static. */
export async function buildProbe(directory: string): Promise<string> {
  const path = join(directory, "probe");
  await run(["cc", "-O1", "-Wall", "-static", "-o", path, join(import.meta.dir, "probe.c")]);
  return path;
}
