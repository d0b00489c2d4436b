import { expect, test } from "bun:test";
import { mkdtempSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { digestOf } from "../../oci/hash-digest.ts";
import { BlobDownload } from "./blob-download.ts";

async function download(bytes: string, expected = bytes) {
  const folder = mkdtempSync(join(tmpdir(), "gantry-download-"));
  const [path, storedPath] = [join(folder, "1"), join(folder, "stored")];
  const begun = await BlobDownload.begin({
    descriptor: { mediaType: "application/octet-stream", digest: digestOf(expected), size: bytes.length },
    path,
    readStored: async (start, end) => Bun.file(storedPath).slice(start, end).stream(),
    source: (async function* () {
      yield Buffer.from(bytes);
    })(),
    store: async () => renameSync(path, storedPath),
  });
  const read = async (): Promise<string> => Buffer.concat(await Array.fromAsync(begun.read())).toString();
  return { begun, read, remove: () => rmSync(path), [Symbol.dispose]: () => rmSync(folder, { recursive: true }) };
}

test("a reader that begins when all is stored has all of it", async () => {
  using small = await download("a few bytes");
  await small.begun.done;
  expect(await small.read()).toBe("a few bytes");
});

test("a reader that begins when it has failed hears why", async () => {
  using bad = await download("one thing", "another");
  await bad.begun.done.catch(() => bad.remove());
  expect(bad.read()).rejects.toThrow("wrong digest");
});
