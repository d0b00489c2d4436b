import { afterEach, beforeEach, expect, test } from "bun:test";
import { randomBytes, randomUUID } from "node:crypto";
import { readdirSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import { OwnRegistry } from "../../../../test/support/own-registry.ts";
import { RegistryStore } from "../../../../test/support/registry-store.ts";
import { digestOf } from "../../../oci/hash-digest.ts";
import { nextTurn } from "../../../platform/next-turn.ts";
import { RegistryError } from "../registry-error.ts";
import { openRepositories } from "../repositories.ts";
import { parseRepositoryName } from "../repository-name.ts";
import type { Uploads } from "./uploads.ts";

const repository = parseRepositoryName("a/repository");
let registry: OwnRegistry;
let uploads: Uploads;
beforeEach(async () => {
  registry = await OwnRegistry.start();
  const { state, content, root } = registry;
  const uploadsDirectory = join(root, "other-uploads");
  uploads = openRepositories({
    state,
    content,
    uploadsDirectory,
    randomId: randomUUID,
    storeKey: new Uint8Array(32),
  }).uploads;
});
afterEach(() => registry[Symbol.asyncDispose]());

function once(bytes: Uint8Array): ReadableStream<Uint8Array> {
  return new Blob([Buffer.from(bytes)]).stream();
}

/** The code of what a promise fails with. */
async function refused(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  return error instanceof RegistryError ? error.registryCode : String(error);
}

test.each(["append", "finish", "cancel"] as const)(
  "an upload that is being finished is unknown to %s: what is stored stays what was hashed",
  async (verb) => {
    const bytes = randomBytes(1_000_000);
    const digest = digestOf(bytes);
    // Another algorithm: the file is read again to hash it, which takes a while.
    const id = uploads.begin(repository, "sha512");
    await uploads.append(repository, id, once(bytes));
    const finishing = uploads.finish({ repository, id }, digest);
    const late = {
      append: () => uploads.append(repository, id, once(randomBytes(100))),
      finish: () => uploads.finish({ repository, id }, digestOf("other")),
      cancel: () => uploads.cancel(repository, id),
    }[verb];
    const codes: string[] = [];
    let isFinished = false;
    void finishing.finally(() => {
      isFinished = true;
    });
    while (!isFinished) {
      codes.push(await refused(late()));
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(new Set(codes)).toEqual(new Set(["BLOB_UPLOAD_UNKNOWN"]));
    expect(await finishing).toEqual({ digest, sizeBytes: bytes.length });
    expect(digestOf(await registry.content.read(digest, { maxBytes: 2_000_000 }))).toBe(digest);
  },
);

/** What another process finds that takes the store over. */
function uploadsOf(store: RegistryStore): Uploads {
  return openRepositories({
    state: store.state,
    content: store.content,
    uploadsDirectory: join(store.root, "uploads"),
    randomId: randomUUID,
  }).uploads;
}

test("an upload that is being cancelled takes nothing", async () => {
  const id = uploads.begin(repository);
  await uploads.append(repository, id, once(randomBytes(10)));
  const cancelling = uploads.cancel(repository, id);
  expect(await refused(uploads.append(repository, id, once(randomBytes(10))))).toBe("BLOB_UPLOAD_UNKNOWN");
  await cancelling;
  expect(await refused(uploads.offset(repository, id))).toBe("BLOB_UPLOAD_UNKNOWN");
});

test("of many that begin at once none is forgotten that has bytes", async () => {
  const id = uploads.begin(repository);
  await uploads.append(repository, id, once(Buffer.from("first ")));
  for (let count = 0; count < 20_000; count++) uploads.begin(repository);
  expect(await uploads.append(repository, id, once(Buffer.from("second")))).toBe(12);
  const digest = digestOf("first second");
  expect(await uploads.finish({ repository, id }, digest)).toEqual({ digest, sizeBytes: 12 });
});

test("a sweep removes what nobody went on with, and leaves what is young", async () => {
  const old = uploads.begin(repository);
  await uploads.append(repository, old, once(Buffer.from("old")));
  expect(await uploads.known.sweep(60_000)).toBe(0);
  expect(await uploads.offset(repository, old)).toBe(3);
  expect(await uploads.known.sweep(-1000)).toBe(1);
  expect(await refused(uploads.offset(repository, old))).toBe("BLOB_UPLOAD_UNKNOWN");
});

test("uploads count until they are over, and those to which nothing comes any more can be given up", async () => {
  await using store = new RegistryStore();
  const { uploads } = store.repositories;
  const id = uploads.begin(repository);
  await uploads.append(repository, id, once(randomBytes(1000)));
  const other = uploads.begin(repository);
  await uploads.append(repository, other, once(randomBytes(10)));
  const everything = (): boolean => true;
  expect(uploads.known.pending.sum(everything, other)).toBe(1000);
  expect(uploads.known.pending.sum((name) => name !== repository)).toBe(0);
  uploads.known.giveUpPaused(repository, other);
  expect(await uploads.offset(repository, id)).toBe(1000);
  store.nowMs += 60_000;
  uploads.known.giveUpPaused(repository, other);
  expect(uploads.known.pending.sum(everything)).toBe(10);
  expect(await refused(uploads.offset(repository, id))).toBe("BLOB_UPLOAD_UNKNOWN");
  expect(await uploads.offset(repository, other)).toBe(10);
});

test("who is silent for a while in the middle of a request keeps no room for what has not come, and asks anew when it goes on", async () => {
  await using store = new RegistryStore();
  const { uploads } = store.repositories;
  const { pending } = uploads.known;
  const everything = (): boolean => true;
  const asked: number[] = [];
  const admit = (sizeBytes: number): number => {
    asked.push(sizeBytes);
    return sizeBytes;
  };
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const writer = writable.getWriter();
  const id = uploads.begin(repository);
  // It was begun long before anything is sent.
  store.nowMs += 60_000;
  const appending = uploads.append(repository, id, readable, { lengthBytes: 1000, admit });
  while (asked.length === 0) await nextTurn();
  uploads.known.giveUpPaused(repository);
  expect(pending.sum(everything)).toBe(1000);
  store.nowMs += 60_000;
  uploads.known.giveUpPaused(repository, id);
  expect(pending.sum(everything)).toBe(1000);
  uploads.known.giveUpPaused(repository);
  expect(pending.sum(everything)).toBe(0);
  await writer.write(new Uint8Array(600));
  while ((await uploads.offset(repository, id)) < 600) await nextTurn();
  uploads.known.giveUpPaused(repository);
  expect(pending.sum(everything)).toBe(1000);
  store.nowMs += 60_000;
  uploads.known.giveUpPaused(repository);
  expect(pending.sum(everything)).toBe(600);
  await writer.write(new Uint8Array(400));
  await writer.close();
  expect(await appending).toBe(1000);
  expect(asked).toEqual([1000, 1000, 1000]);
  expect(pending.sum(everything)).toBe(1000);
});

test("what an earlier process left counts at once, makes room like any other, and can be gone on with", async () => {
  await using store = new RegistryStore();
  const begin = async (name: string, sizeBytes: number): Promise<string> => {
    const { uploads } = store.repositories;
    const id = uploads.begin(parseRepositoryName(name));
    await uploads.append(parseRepositoryName(name), id, once(new Uint8Array(sizeBytes)));
    return id;
  };
  const name = `${"x/".repeat(120)}long`;
  const long = parseRepositoryName(name);
  const [mine, others, finished] = [await begin(name, 1000), await begin("other", 20), await begin("other", 300)];
  await store.repositories.uploads.finish(
    { repository: parseRepositoryName("other"), id: finished },
    digestOf(new Uint8Array(300)),
  );
  unlinkSync(
    join(store.root, "uploads", readdirSync(join(store.root, "uploads")).find((file) => file.startsWith(others)) ?? ""),
  );
  store.nowMs = Date.now();
  const successor = uploadsOf(store);
  const everything = (): boolean => true;
  expect(successor.known.pending.sum(everything)).toBe(1000);
  expect(successor.known.pending.sum((candidate) => candidate === name)).toBe(1000);
  expect(successor.known.pending.sum(everything, mine)).toBe(0);
  expect(await successor.append(long, mine, once(new Uint8Array(24)))).toBe(1024);
  expect(successor.known.pending.sum(everything)).toBe(1024);
  store.nowMs += 60_000;
  successor.known.giveUpPaused(long, "another");
  expect(successor.known.pending.sum(everything)).toBe(0);
  expect(await refused(successor.offset(long, mine))).toBe("BLOB_UPLOAD_UNKNOWN");
  expect(store.column("SELECT id FROM repository_uploads")).toEqual([]);
});

test("an upload that is refused as it becomes a blob leaves neither file nor row", async () => {
  await using store = new RegistryStore();
  const { uploads } = store.repositories;
  const id = uploads.begin(repository);
  await uploads.append(repository, id, once(Buffer.from("too much")));
  const also = (): void => {
    throw new RegistryError("DENIED", "there is no room");
  };
  expect(await refused(uploads.finish({ repository, id }, digestOf("too much"), { also }))).toBe("DENIED");
  expect(store.column("SELECT id FROM repository_uploads")).toEqual([]);
  expect(uploads.known.pending.sum(() => true)).toBe(0);
  expect(readdirSync(join(store.root, "uploads"))).toEqual([]);
});

test("what an earlier process left makes room also if nobody goes on with it, and a sweep ends that it counts", async () => {
  await using store = new RegistryStore();
  const { uploads: before } = store.repositories;
  const ids = [before.begin(repository), before.begin(repository)];
  for (const id of ids) await before.append(repository, id, once(new Uint8Array(10)));
  store.nowMs = Date.now() + 60_000;
  const open = (): Uploads => uploadsOf(store);
  const everything = (): boolean => true;
  const successor = open();
  successor.known.giveUpPaused(repository, ids[0] ?? "");
  expect(successor.known.pending.sum(everything)).toBe(10);
  expect(await successor.known.sweep(1000)).toBe(1);
  expect(successor.known.pending.sum(everything)).toBe(0);
  expect(open().known.pending.sum(everything)).toBe(0);
  expect(readdirSync(join(store.root, "uploads"))).toEqual([]);
});

test("a chunk's memory is given back once it is written: what many clients send at once does not pile up", async () => {
  const chunks = [1, 2, 3].map((value) => new Uint8Array(100_000).fill(value));
  const digest = digestOf(Buffer.concat(chunks));
  const id = uploads.begin(repository);
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(chunk);
      controller.close();
    },
  });
  await uploads.append(repository, id, body);
  expect(chunks.map(({ byteLength }) => byteLength)).toEqual([0, 0, 0]);
  expect(await uploads.finish({ repository, id }, digest)).toEqual({ digest, sizeBytes: 300_000 });
});
