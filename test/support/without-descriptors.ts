import { closeSync, existsSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FolderStorage } from "../../src/content/folder-storage.ts";
import { digestOf } from "../../src/oci/hash-digest.ts";
import { startWorker } from "../../src/platform/worker.ts";

/** Run as a program, under a low limit of open files: says what the parts of a registry do when there is no descriptor left. */
const folder = mkdtempSync(join(tmpdir(), "gantry-descriptors-"));
const storage = new FolderStorage(join(folder, "content/blobs"));
const kept = { digest: digestOf("kept"), sizeBytes: 4 };
const next = { digest: digestOf("next"), sizeBytes: 4 };
writeFileSync(storage.path(kept.digest), "kept");
writeFileSync(join(folder, "next"), "next");

const held: number[] = [];
try {
  for (;;) held.push(openSync("/dev/null", "r"));
} catch {
  // None is left.
}

async function codeOf(work: () => unknown): Promise<string> {
  try {
    await work();
    return "done";
  } catch (error) {
    return String((error as { readonly code?: unknown }).code ?? error);
  }
}
const said = {
  read: await codeOf(() => Array.fromAsync(storage.read(kept))),
  take: await codeOf(() => storage.take(join(folder, "next"), next)),
  isStillThere: existsSync(join(folder, "next")),
  worker: await codeOf(() => startWorker("src/content/scrub/scrub-worker.ts")),
};
for (const descriptor of held) closeSync(descriptor);
rmSync(folder, { recursive: true });
console.log(JSON.stringify({ ...said, isAlive: true }));
