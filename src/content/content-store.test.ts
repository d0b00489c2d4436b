import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Digest } from "../oci/digest.ts";
import { digestOf } from "../oci/hash-digest.ts";
import { MEDIA_TYPES } from "../oci/media-types.ts";
import { State } from "../state/state.ts";
import { ContentStore } from "./content-store.ts";
import { CONTENT_MIGRATIONS } from "./migrations.ts";

const scratch = mkdtempSync(join(tmpdir(), "gantry-content-"));
afterAll(() => rmSync(scratch, { recursive: true }));
let opened = 0;

function open(directory?: string) {
  opened += 1;
  const at = directory ?? join(scratch, String(opened));
  const state = State.open(`${at}.db`, { migrations: CONTENT_MIGRATIONS, now: () => 0 });
  return { at, content: ContentStore.open({ directory: at, state }) };
}

const digest = (text: string): Digest => digestOf(text);

describe("ContentStore", () => {
  test("stores by digest, reads verified, and storing again changes nothing", async () => {
    const { content, at } = open();
    expect(await content.put("hello")).toEqual({ digest: digest("hello"), sizeBytes: 5 });
    await content.put("hello");
    expect(Buffer.from(await content.read(digest("hello"), { maxBytes: 5 })).toString()).toBe("hello");
    expect(await new Response(content.open(digest("hello"))).text()).toBe("hello");
    await expect(content.read(digest("hello"), { maxBytes: 4 })).rejects.toThrow("more than 4");
    expect(readdirSync(join(at, "ingest"))).toEqual([]);
  });

  test("refuses what is not what it should be, and leaves nothing", async () => {
    const { content, at } = open();
    const expected = { digest: digest("hello"), sizeBytes: 5 };
    await expect(content.put("hullo", { expected })).rejects.toThrow(/wrong digest/);
    await expect(content.put("hell", { expected })).rejects.toThrow(/truncated: 4 of 5/);
    await expect(content.put("hello!", { expected })).rejects.toThrow(/too long/);
    expect(content.has(expected.digest)).toBe(false);
    expect(readdirSync(join(at, "ingest"))).toEqual([]);
  });

  test("says that a blob is damaged, at the end of the stream", async () => {
    const { content } = open();
    await content.put("hello");
    writeFileSync(content.path(digest("hello")), "hullo");
    await expect(content.read(digest("hello"), { maxBytes: 9 })).rejects.toThrow(/is damaged/);
    await expect(content.read(digest("other"), { maxBytes: 9 })).rejects.toThrow(/has no sha256/);
  });

  test("collects what neither a name, a hold nor a lease reaches", async () => {
    const { content, at } = open();
    for (const text of ["named", "child", "held", "leased", "garbage"]) await content.put(text);
    content.graph.addReferences(digest("named"), [digest("child"), digest("absent")]);
    content.names.set("docker.io/library/a:1", { digest: digest("named"), mediaType: MEDIA_TYPES.ociManifest });
    content.graph.hold("container:1", digest("held"));
    const lease = content.graph.lease();
    lease.protect(digest("leased"));
    expect(await content.collect()).toEqual({ removed: [digest("garbage")], freedBytes: 7 });
    lease[Symbol.dispose]();
    content.graph.release("container:1");
    content.names.delete("docker.io/library/a:1");
    await content.collect();
    expect(readdirSync(join(at, "blobs/sha256"))).toEqual([]);
  });

  test("storing and collecting at once never loses what is protected", async () => {
    const { content } = open();
    using lease = content.graph.lease();
    const work: Promise<unknown>[] = [];
    for (let round = 0; round < 30; round++) {
      await content.put("again");
      work.push(content.collect(), content.put("again", { lease }));
    }
    await Promise.all(work);
    expect(Buffer.from(await content.read(digest("again"), { maxBytes: 9 })).toString()).toBe("again");
  });

  test("an image that loses its last name is kept without one; the layout's index follows", async () => {
    const { content, at } = open();
    await content.put("old");
    await content.put("new");
    const name = "docker.io/library/a:1";
    content.names.set(name, { digest: digest("old"), mediaType: MEDIA_TYPES.ociManifest });
    content.names.set(name, { digest: digest("new"), mediaType: MEDIA_TYPES.ociManifest });
    expect(content.names.list().map((known) => known.name)).toEqual([`<none>@${digest("old")}`, name]);
    await content[Symbol.asyncDispose]();
    const index = JSON.parse(readFileSync(join(at, "index.json"), "utf8"));
    expect(index.manifests.map((entry: { digest: string }) => entry.digest)).toEqual([digest("old"), digest("new")]);
  });

  test("sweeps at the start: files without rows, rows without files", async () => {
    const { content, at } = open();
    await content.put("kept");
    await content.put("lost");
    writeFileSync(join(at, "blobs/sha256", "f".repeat(64)), "unknown");
    rmSync(content.path(digest("lost")));
    const again = open(at).content;
    expect([again.has(digest("kept")), again.has(digest("lost"))]).toEqual([true, false]);
    expect(readdirSync(join(at, "blobs/sha256"))).toHaveLength(1);
  });
});
