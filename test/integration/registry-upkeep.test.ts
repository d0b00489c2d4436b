import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { digestOf } from "../../src/oci/hash-digest.ts";
import { MEDIA_TYPES } from "../../src/oci/media-types.ts";
import { OwnRegistry } from "../support/own-registry.ts";

const scratch = mkdtempSync(join(tmpdir(), "gantry-upkeep-"));
afterAll(() => rmSync(scratch, { recursive: true }));

const HOUR_MS = 3_600_000;

/** A client that pushes as docker does: what the registry says that it has is not sent. */
class Client {
  readonly #url: string;
  sent = 0;
  spared = 0;

  constructor(registry: OwnRegistry, repository: string) {
    this.#url = `${registry.url}/v2/${repository}`;
  }

  async push(tag: string, layers: readonly string[]): Promise<string> {
    for (const layer of layers) {
      const head = await fetch(`${this.#url}/blobs/${digestOf(layer)}`, { method: "HEAD" });
      if (head.status === 200) {
        this.spared += 1;
        continue;
      }
      const url = `${this.#url}/blobs/uploads/?digest=${digestOf(layer)}`;
      expect((await fetch(url, { method: "POST", body: layer })).status).toBe(201);
      this.sent += 1;
    }
    const [config = "", ...rest] = layers.map((layer) => ({
      mediaType: "application/octet-stream",
      digest: digestOf(layer),
      size: layer.length,
    }));
    const manifest = JSON.stringify({ schemaVersion: 2, mediaType: MEDIA_TYPES.ociManifest, config, layers: rest });
    const headers = { "content-type": MEDIA_TYPES.ociManifest };
    const put = await fetch(`${this.#url}/manifests/${tag}`, { method: "PUT", body: manifest, headers });
    expect([put.status, await put.text()]).toEqual([201, ""]);
    return digestOf(manifest);
  }

  /** All bytes of an image, verified. */
  async pull(manifest: string): Promise<void> {
    const response = await fetch(`${this.#url}/manifests/${manifest}`);
    const text = await response.text();
    expect(digestOf(text)).toBe(manifest as never);
    const { config, layers } = JSON.parse(text);
    for (const { digest } of [config, ...layers]) {
      const blob = await fetch(`${this.#url}/blobs/${digest}`);
      expect(digestOf(new Uint8Array(await blob.arrayBuffer()))).toBe(digest);
    }
  }

  async delete(manifest: string): Promise<void> {
    expect((await fetch(`${this.#url}/manifests/${manifest}`, { method: "DELETE" })).status).toBe(202);
  }
}

function files(registry: OwnRegistry): readonly string[] {
  return readdirSync(join(registry.root, "content/blobs/sha256"));
}

describe("upkeep of a registry that serves", () => {
  test("clients push and delete while it collects: no push is refused, nothing acknowledged is lost, nothing is left over", async () => {
    let nowMs = Date.now();
    await using registry = await OwnRegistry.start({ now: () => nowMs });
    const clients = Array.from({ length: 6 }, (_, index) => new Client(registry, `team/app${index % 3}`));
    const known = clients.map(() => new Map<string, number>());
    for (let round = 0; round < 12; round++) {
      let isPushing = true;
      const collecting = (async () => {
        while (isPushing) await registry.upkeep({ Task: "collect" });
      })();
      await Promise.all(
        clients.map(async (client, index) => {
          const mine = known[index] as Map<string, number>;
          for (let image = 0; image < 3; image++) {
            // Layers come again in other images, other rounds and other repositories, long after what held them was deleted.
            const layers = [`config ${index} ${round} ${image}`, `layer ${(round + image) % 4}`, `layer ${index % 2}`];
            mine.set(await client.push(`t${index}`, layers), round);
          }
          for (const [manifest, since] of mine) {
            if (since > round - 2) continue;
            await client.delete(manifest);
            mine.delete(manifest);
          }
        }),
      );
      isPushing = false;
      await collecting;
      nowMs += 2 * HOUR_MS;
    }
    for (const [index, client] of clients.entries())
      for (const manifest of (known[index] ?? new Map<string, number>()).keys()) await client.pull(manifest);
    expect(clients.every((client) => client.spared > 0)).toBe(true);
    for (const [index, client] of clients.entries())
      for (const manifest of (known[index] ?? new Map<string, number>()).keys()) await client.delete(manifest);
    nowMs += 2 * HOUR_MS;
    const notices = await registry.upkeep({ Task: "collect" });
    expect(notices.at(-1)).toMatchObject({ kind: "collected", uploads: 0 });
    expect(files(registry)).toEqual([]);
  }, 120_000);

  test("a client that is told of an old blob can push its manifest after a collection", async () => {
    let nowMs = Date.now();
    await using registry = await OwnRegistry.start({ now: () => nowMs });
    const blobs = `${registry.url}/v2/team/app/blobs`;
    for (const blob of ["told", "untold"]) {
      const url = `${blobs}/uploads/?digest=${digestOf(blob)}`;
      expect((await fetch(url, { method: "POST", body: blob })).status).toBe(201);
    }
    nowMs += 2 * HOUR_MS;
    expect((await fetch(`${blobs}/${digestOf("told")}`, { method: "HEAD" })).status).toBe(200);
    await registry.upkeep({ Task: "collect" });
    expect((await fetch(`${blobs}/${digestOf("untold")}`)).status).toBe(404);
    const client = new Client(registry, "team/app");
    await client.pull(await client.push("1", ["told"]));
    expect([client.sent, client.spared]).toEqual([0, 1]);
  });

  test("retention: a dry run says what would go, then it goes; a pull counts", async () => {
    let nowMs = Date.now();
    await using registry = await OwnRegistry.start({ now: () => nowMs });
    const client = new Client(registry, "team/app");
    const manifests: string[] = [];
    for (const tag of ["1", "2", "3", "4"]) {
      manifests.push(await client.push(tag, [`config ${tag}`, "layer"]));
      nowMs += 24 * HOUR_MS;
    }
    nowMs += 30 * 24 * HOUR_MS;
    await client.pull(manifests[0] as string);
    nowMs += 2 * HOUR_MS;
    const config = join(scratch, "retention.toml");
    writeFileSync(config, '[[retention]]\nrepositories = "team/**"\nkeep-tags = 1\nkeep-pulled-within = "1d"\n');
    const request = { Task: "retention", Config: config } as const;
    const cause = "not among the 1 newest, not pulled within 1d (retention[0])";
    const expected = ["2", "3"].flatMap((tag, index) => [
      { kind: "line", line: `untag   team/app:${tag}  ${cause}` },
      { kind: "line", line: `delete  team/app@${manifests[index + 1]}  no tag names it any more` },
    ]);
    const sorted = (notices: readonly unknown[]): readonly string[] =>
      notices.map((notice) => JSON.stringify(notice)).sort();
    const result = { kind: "retained", tags: 2, manifests: 2, grace: "1h" };
    expect(sorted(await registry.upkeep({ ...request, DryRun: true }))).toEqual(sorted([...expected, result]));
    const tags = async (): Promise<unknown> => (await fetch(`${registry.url}/v2/team/app/tags/list`)).json();
    expect(await tags()).toEqual({ name: "team/app", tags: ["1", "2", "3", "4"] });
    expect(sorted(await registry.upkeep(request))).toEqual(sorted([...expected, result]));
    expect(await tags()).toEqual({ name: "team/app", tags: ["1", "4"] });
    nowMs += 2 * HOUR_MS;
    await registry.upkeep({ Task: "collect" });
    for (const manifest of [manifests[0], manifests[3]]) await client.pull(manifest as string);
    expect(files(registry)).toHaveLength(5);
    expect(await registry.upkeep({ Task: "retention" })).toEqual([
      {
        kind: "failed",
        sentence:
          "there is no rule of retention (write [[retention]] in registry.toml, and name the file with --config)",
      },
    ]);
  });

  test("verifying finds what rotted: it is 404 until a push mends it", async () => {
    await using registry = await OwnRegistry.start();
    const client = new Client(registry, "team/app");
    const manifest = await client.push("1", ["config", "layer"]);
    writeFileSync(registry.content.path(digestOf("layer")), "rotten");
    const [damage, result] = await registry.upkeep({ Task: "scrub", BytesPerSecond: 0 });
    expect(damage).toEqual({
      kind: "line",
      line: `${digestOf("layer")} is damaged: its 6 of 5 bytes hash to ${digestOf("rotten")}; needed by repository team/app; push or pull it again, and it is mended`,
    });
    expect(result).toMatchObject({ kind: "verified", blobs: 3, damaged: 1, repaired: 0 });
    expect((await fetch(`${registry.url}/v2/team/app/blobs/${digestOf("layer")}`)).status).toBe(404);
    expect(await registry.upkeep({ Task: "scrub", BytesPerSecond: 0 })).toEqual([
      {
        kind: "line",
        line: `${digestOf("layer")} is missing since it was damaged: its 6 of 5 bytes hash to ${digestOf("rotten")}; needed by repository team/app; push or pull it again, and it is mended`,
      },
      expect.objectContaining({ kind: "verified", damaged: 0, missing: 1 }),
    ]);
    expect(await client.push("1", ["config", "layer"])).toBe(manifest);
    await client.pull(manifest);
    const again = await registry.upkeep({ Task: "scrub", BytesPerSecond: 0 });
    expect(again).toEqual([expect.objectContaining({ kind: "verified", damaged: 0, missing: 0 })]);
  });

  test("what rotted in a copy of another registry is had from there again, manifests too", async () => {
    await using origin = await OwnRegistry.start();
    const manifest = await new Client(origin, "team/app").push("1", ["config", "layer"]);
    const config = join(scratch, "copy.toml");
    writeFileSync(config, `[[upstream]]\nprefix = "copy"\nregistry = "${origin.host}"\n`);
    await using copy = await OwnRegistry.start({ config });
    const client = new Client(copy, "copy/team/app");
    await client.pull(manifest);
    for (const text of ["layer", "config"]) writeFileSync(copy.content.path(digestOf(text)), "rotten");
    const blobs = await copy.upkeep({ Task: "scrub", BytesPerSecond: 0 });
    expect(blobs.at(-1)).toMatchObject({ kind: "verified", damaged: 2, repaired: 2 });
    writeFileSync(copy.content.path(manifest as never), "{}");
    const manifests = await copy.upkeep({ Task: "scrub", BytesPerSecond: 0 });
    expect(manifests.at(-1)).toMatchObject({ kind: "verified", damaged: 1, repaired: 1 });
    await client.pull(manifest);
    expect(await copy.upkeep({ Task: "scrub", BytesPerSecond: 0 })).toEqual([
      expect.objectContaining({ kind: "verified", blobs: 3, damaged: 0 }),
    ]);
  });
});
