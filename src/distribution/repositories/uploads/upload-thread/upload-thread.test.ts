import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { digestOf } from "../../../../oci/hash-digest.ts";
import { UploadThread } from "./upload-thread.ts";

const folder = mkdtempSync(join(tmpdir(), "gantry-upload-thread-"));
afterAll(() => rmSync(folder, { recursive: true }));

let files = 0;
async function openFile(): Promise<{ readonly path: string; readonly file: FileHandle }> {
  files += 1;
  const path = join(folder, String(files));
  return { path, file: await open(path, "w+") };
}

const bytes = (sizeBytes: number, value: number): Uint8Array => new Uint8Array(sizeBytes).fill(value);

test("what many write at once is each's own, and hashes to what is in its file", async () => {
  await using thread = new UploadThread();
  const work = async (value: number): Promise<void> => {
    const { path, file } = await openFile();
    const algorithm = value % 2 === 0 ? "sha256" : "sha512";
    const hash = thread.begin(algorithm);
    for (const position of [0, 100_000, 200_000]) await hash.write(file, bytes(100_000, value), position);
    await file.close();
    expect(readFileSync(path).equals(bytes(300_000, value))).toBe(true);
    expect(await hash.digest()).toBe(digestOf(bytes(300_000, value), algorithm));
  };
  await Promise.all(Array.from({ length: 20 }, (_, value) => work(value)));
});

test("a chunk is gone when it is written, but not what it is only a part of", async () => {
  await using thread = new UploadThread();
  const { path, file } = await openFile();
  const hash = thread.begin("sha256");
  const whole = bytes(1000, 1);
  await hash.write(file, whole, 0);
  expect(whole.byteLength).toBe(0);
  const parts = bytes(1000, 2);
  await hash.write(file, parts.subarray(0, 500), 1000);
  expect(parts.byteLength).toBe(1000);
  await file.close();
  expect(readFileSync(path)).toHaveLength(1500);
});

test("says what the file system says, by its code", async () => {
  await using thread = new UploadThread();
  const file = await open("/dev/full", "w");
  const failure = await thread
    .begin("sha256")
    .write(file, bytes(100, 1), 0)
    .catch((error: unknown) => error);
  expect(failure).toMatchObject({ code: "ENOSPC" });
  await file.close();
});

test("what was hashed by a thread that has ended is lost, and the next hash has another thread", async () => {
  await using thread = new UploadThread({ idleMs: 10 });
  const { file } = await openFile();
  const hash = thread.begin("sha256");
  await hash.write(file, bytes(100, 1), 0);
  expect(hash.isLost).toBe(false);
  while (!hash.isLost) await Bun.sleep(5);
  const next = thread.begin("sha256");
  await next.write(file, bytes(100, 2), 0);
  expect(await next.digest()).toBe(digestOf(bytes(100, 2)));
  await file.close();
});

test("a thread that fails takes what it was asked with it, and nothing that the next one is asked meanwhile", async () => {
  await using thread = new UploadThread();
  const { path, file } = await openFile();
  const broken = thread.begin("none" as never);
  const reason = broken.write(file, bytes(100, 1), 0).catch((error: unknown) => error);
  while (!broken.isLost) await new Promise(setImmediate);
  const next = thread.begin("sha256");
  await next.write(file, bytes(100, 2), 0);
  expect(await reason).toMatchObject({ code: "internal", message: "the thread that writes uploads failed" });
  expect(await next.digest()).toBe(digestOf(bytes(100, 2)));
  await file.close();
  expect(readFileSync(path).equals(bytes(100, 2))).toBe(true);
});
