import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { doubleOptions, S3Double, type S3Fault } from "../../../test/support/s3-double.ts";
import { formatError, isGantryError } from "../../errors/gantry-error.ts";
import { digestOf } from "../../oci/hash-digest.ts";
import { S3Bucket } from "../../s3/s3-bucket.ts";
import { State } from "../../state/state.ts";
import { ContentStore } from "../content-store.ts";
import { CONTENT_MIGRATIONS } from "../migrations.ts";
import { type Damage, Scrubber } from "../scrub/scrubber.ts";
import { openBucketStorage } from "./open-bucket-storage.ts";

let folder: string;
let server: S3Double;
let state: State;
let content: ContentStore;
let opened: AsyncDisposableStack;

async function open(of: { readonly state: State } = { state }): Promise<ContentStore> {
  const bucket = new S3Bucket({ ...doubleOptions(server.endpoint), partBytes: 1000 });
  const holder = { id: "process-1", place: "here", name: "process 1" };
  const options = { bucket, ...of, prefix: "r/", holder, randomId: () => "root-1", warn: () => undefined };
  const storage = opened.use(await openBucketStorage(options));
  return ContentStore.open({ directory: join(folder, "content"), ...of, storage });
}

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "gantry-bucket-"));
  server = new S3Double();
  opened = new AsyncDisposableStack();
  state = State.open(join(folder, "state.db"), { migrations: CONTENT_MIGRATIONS, now: Date.now });
  content = await open();
});
afterEach(async () => {
  await content[Symbol.asyncDispose]();
  await opened.disposeAsync();
  state.close();
  server[Symbol.dispose]();
  rmSync(folder, { recursive: true });
});

const key = (text: string): string => `r/blobs/sha256/${digestOf(text).slice(7)}`;
const objects = (): readonly string[] => [...server.objects.keys()].filter((name) => name !== "r/gantry-root").sort();
const long = "many parts ".repeat(1000);

const noBucket: S3Fault["fault"] = { kind: "refuse", status: 404, code: "NoSuchBucket" };

async function failure(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  return isGantryError(error) ? `${error.code}: ${formatError(error)}` : String(error);
}

async function read(text: string): Promise<string> {
  return Buffer.from(await content.read(digestOf(text), { maxBytes: 1 << 20 })).toString();
}

describe("blobs in a bucket", () => {
  test("are stored, read verified and in ranges, stored again without a byte, and collected", async () => {
    await content.put(long);
    await content.put("short");
    expect(objects()).toEqual([key(long), key("short")].sort());
    expect([await read(long), await read("short")]).toEqual([long, "short"]);
    const span = { start: 5, end: 10 };
    expect(await new Response(await content.body(digestOf(long), span)).text()).toBe(long.slice(5, 10));
    const sent = server.requests.filter((request) => /^P/.test(request)).length;
    await content.put(long);
    expect(server.requests.filter((request) => /^P/.test(request)).length).toBe(sent);
    content.graph.hold("test", digestOf("short"));
    expect((await content.collect()).removed).toEqual([digestOf(long)]);
    expect(objects()).toEqual([key("short")]);
    expect(readdirSync(join(folder, "content/ingest"))).toEqual([]);
  });

  test("that are small are asked for once, however many want them; never if they are removed, nor if they are damaged", async () => {
    const gets = (): number => server.requests.filter((request) => request.startsWith("GET /images/r/blobs/")).length;
    await content.put("asked for");
    expect(await Promise.all([1, 2, 3].map(() => read("asked for")))).toEqual(Array(3).fill("asked for"));
    expect([await read("asked for"), gets()]).toEqual(["asked for", 1]);
    await content.collect();
    expect(await failure(read("asked for"))).toContain("not-found");
    await content.put("rotten");
    server.objects.set(key("rotten"), Buffer.from("rooten"));
    for (const _time of [1, 2]) expect(await failure(read("rotten"))).toContain("data-loss");
  });

  test("that the bucket does not take have no row, and no file", async () => {
    server.fail({
      at: /^(PUT|POST)/,
      times: 10,
      fault: { kind: "refuse", status: 503, code: "SlowDown", text: "Slow down." },
    });
    expect(await failure(content.put("refused"))).toBe(
      `unavailable: cannot store ${key("refused")} in the bucket images: it answered 503 SlowDown (Slow down)`,
    );
    expect([content.has(digestOf("refused")), objects()]).toEqual([false, []]);
    expect(readdirSync(join(folder, "content/ingest"))).toEqual([]);
  });

  test("whose row cannot be written leave no object", async () => {
    const also = (): never => {
      throw new Error("no");
    };
    await expect(content.put("without a row", { also })).rejects.toThrow("no");
    expect(objects()).toEqual([]);
  });

  test("that rotted are found, taken out, and mended by whoever stores them again", async () => {
    await content.put("sound");
    await content.put("rotten");
    await content.put("lost");
    server.objects.set(key("rotten"), Buffer.from("rooten"));
    server.objects.delete(key("lost"));
    expect(await failure(content.read(digestOf("rotten"), { maxBytes: 100 }))).toContain("data-loss: ");
    expect(await failure(content.body(digestOf("lost"), { start: 0, end: 4 }))).toContain(
      "is damaged, its object is missing",
    );
    const damages: Damage[] = [];
    const scrubber = new Scrubber({ state, content, neededBy: () => [] });
    await scrubber.run({ bytesPerSecond: 0, onDamage: (damage) => void damages.push(damage) });
    expect(damages.map(({ digest, finding }) => [digest, finding]).sort()).toEqual(
      [
        [digestOf("lost"), "its object is missing"],
        [digestOf("rotten"), `its 6 of 6 bytes hash to ${digestOf("rooten")}`],
      ].sort(),
    );
    await content.put("rotten");
    expect(await read("rotten")).toBe("rotten");
  });

  test("whose objects became shorter, or cannot be had for now, keep no scrub from going on", async () => {
    const texts = ["one", "two", "three", "four"].map((text) => text.repeat(500));
    for (const text of texts) await content.put(text);
    const [shorter = "", archived = "", empty = ""] = [...texts].sort((a, b) => (digestOf(a) < digestOf(b) ? -1 : 1));
    server.objects.set(key(shorter), Buffer.from(shorter.slice(0, 700)));
    server.objects.set(key(empty), Buffer.from(""));
    const state403 = { kind: "refuse", status: 403, code: "InvalidObjectState", text: "It is archived" } as const;
    server.fail({ at: new RegExp(`^GET .*${key(archived)}`), fault: state403 });
    const damages: (readonly unknown[])[] = [];
    const problems: string[] = [];
    const scrubber = new Scrubber({ state, content, neededBy: () => [] });
    await scrubber.run({
      bytesPerSecond: 0,
      onDamage: ({ digest, finding }) => void damages.push([digest, finding]),
      onProblem: (problem) => void problems.push(problem),
    });
    expect(damages).toEqual([shorter, empty].map((text) => [digestOf(text), "its object is shorter than it was"]));
    expect(problems).toEqual([
      `cannot verify ${digestOf(archived)}: cannot read ${key(archived)} in the bucket images: it answered 403 InvalidObjectState (It is archived) (a rule of the bucket has archived it: restore it, and let no rule archive what the registry keeps)`,
    ]);
    expect(await failure(content.read(digestOf(shorter), { maxBytes: 9999 }))).toContain("not-found");
    await content.put(shorter);
    server.objects.set(key(shorter), Buffer.from(shorter.slice(0, 700)));
    expect(await failure(content.read(digestOf(shorter), { maxBytes: 9999 }))).toContain(
      `data-loss: ${digestOf(shorter)} is damaged, its object is shorter than it was`,
    );
  });

  test("are compared with the rows: what has no row goes, and so do rows whose objects are gone", async () => {
    const texts = Array.from({ length: 9 }, (_, index) => `blob ${index}`);
    for (const text of texts) await content.put(text);
    for (const text of ["left over", "killed"]) server.objects.set(key(text), Buffer.from(text));
    server.objects.set("r/blobs/sha256/no-digest", Buffer.from("somebody's"));
    for (const text of [texts[2], texts[7]]) server.objects.delete(key(String(text)));
    await content.reconcile();
    const left = texts.filter((_, index) => index !== 2 && index !== 7);
    expect(objects()).toEqual(["r/blobs/sha256/no-digest", ...left.map(key)].sort());
    expect(texts.filter((text) => content.has(digestOf(text)))).toEqual(left);
  });

  test("are not given up while the bucket is empty, exchanged or gone: rows stay, and are right when it is back", async () => {
    await content.put("kept");
    content.graph.hold("test", digestOf("kept"));
    const all = [...server.objects];
    const scrub = async (): Promise<readonly Damage[]> => {
      const damages: Damage[] = [];
      const scrubber = new Scrubber({ state, content, neededBy: () => [] });
      await scrubber.run({ bytesPerSecond: 0, onDamage: (damage) => void damages.push(damage) });
      return damages;
    };
    const gone = "unavailable: the bucket images is not the one that was opened: it has no r/gantry-root any more";
    server.objects.clear();
    const asked = [
      content.reconcile(),
      scrub(),
      content.read(digestOf("kept"), { maxBytes: 9 }),
      content.put("lost later"),
    ];
    expect(await Promise.all(asked.map(failure))).toEqual(asked.map(() => gone));
    expect(content.has(digestOf("lost later"))).toBe(false);
    server.objects.clear();
    server.objects.set("r/gantry-root", Buffer.from("another"));
    server.objects.set(key("another's"), Buffer.from("another's"));
    expect(await failure(content.reconcile())).toContain("r/gantry-root in it names another registry");
    expect(objects()).toEqual([key("another's")]);
    server.objects.clear();
    for (const [name, bytes] of all) server.objects.set(name, bytes);
    server.objects.delete(key("kept"));
    server.fail({ at: /^GET .*gantry-root/, fault: noBucket });
    expect(await failure(content.reconcile())).toContain("404 NoSuchBucket");
    for (const [name, bytes] of all) server.objects.set(name, bytes);
    await content.reconcile();
    expect([await read("kept"), await scrub()]).toEqual(["kept", []]);
  });

  test("are not lost when a bucket cannot be listed, and what was not removed is removed later", async () => {
    await content.put("kept");
    content.graph.hold("test", digestOf("kept"));
    await content.put("garbage");
    server.fail({ at: /^DELETE/, times: 2, fault: { kind: "refuse", status: 503, code: "SlowDown" } });
    expect((await content.collect()).removed).toEqual([digestOf("garbage")]);
    expect(objects()).toEqual([key("garbage"), key("kept")].sort());
    server.fail({ at: /^GET .*list-type/, times: 2, fault: { kind: "refuse", status: 500, code: "InternalError" } });
    expect(await failure(content.reconcile())).toContain("unavailable: cannot list objects");
    await content.reconcile();
    expect(objects()).toEqual([key("kept")]);
    expect(await read("kept")).toBe("kept");
  });
});

describe("parts of an upload that was not ended", () => {
  test("because the bucket was away, or whose beginning was lost, go with the next comparison, and none of those under way", async () => {
    server.fail({ at: /^(PUT|DELETE) .*uploadId/, times: 100, fault: noBucket });
    expect(await failure(content.put(long))).toContain("404 NoSuchBucket");
    expect(server.uploads.size).toBe(1);
    server.recover();
    await content.reconcile();
    expect(server.uploads.size).toBe(0);
    server.fail({ at: /^POST .*uploads=/, fault: { kind: "done" } });
    const other = "others ".repeat(2000);
    const storing = content.put(other);
    while (server.uploads.size < 2) await Bun.sleep(1);
    await content.reconcile();
    await storing;
    expect(await read(other)).toBe(other);
    await content.reconcile();
    expect(server.uploads.size).toBe(0);
  });

  test("are no reason not to compare, where the bucket's server does not list them", async () => {
    await content.put("left over");
    state.transaction(() => state.db.run("DELETE FROM blobs"));
    server.fail({ at: /^GET .*uploads=/, fault: { kind: "refuse", status: 501, code: "NotImplemented" } });
    await content.reconcile();
    expect(objects()).toEqual([]);
  });
});

describe("a bucket has one owner", () => {
  test("which finds its blobs again, and gives up what a killed process did not end", async () => {
    await content.put("mine");
    server.uploads.set("killed", { key: key("half"), parts: new Map() });
    content = await open();
    expect([await read("mine"), server.uploads.size]).toEqual(["mine", 0]);
  });

  test("and no other root takes it, nor does the owner take another one or files while it has blobs", async () => {
    await content.put("mine");
    server.objects.set("r/gantry-root", Buffer.from("somebody else"));
    expect(await failure(open())).toContain(
      "conflict: the bucket images is another registry's, as r/gantry-root in it says",
    );
    server.objects.delete("r/gantry-root");
    expect(await failure(open())).toContain("conflict: the blobs of this root are not in the bucket images");
    expect(() => ContentStore.open({ directory: join(folder, "content"), state })).toThrow(
      "the blobs of this root are objects in a bucket, not files",
    );
    expect(content.has(digestOf("mine"))).toBe(true);
  });

  test("a root with files takes no bucket", async () => {
    const other = State.open(join(folder, "other.db"), { migrations: CONTENT_MIGRATIONS, now: Date.now });
    await using files = ContentStore.open({ directory: join(folder, "files"), state: other });
    await files.put("a file");
    expect(await failure(open({ state: other }))).toContain(
      "conflict: the blobs of this root are files, not objects in a bucket",
    );
    other.close();
  });
});
