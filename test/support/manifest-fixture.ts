import { afterAll, beforeAll, expect } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { OwnRegistry } from "./own-registry.ts";
import type { PushedManifest } from "./push-content.ts";

/** For the tests of a file a repository of manifests, in a registry of its own, of which nothing is left at the end that was refused. */
export class ManifestFixture {
  #registry: OwnRegistry | undefined;

  /** To be called where a file's tests are declared. */
  static forThisFile(): ManifestFixture {
    const fixture = new ManifestFixture();
    beforeAll(async () => {
      fixture.#registry = await OwnRegistry.start();
    });
    afterAll(async () => {
      await using registry = fixture.registry;
      expectNothingLeft(registry);
      expect(registry.warnings).toEqual([]);
    });
    return fixture;
  }

  get registry(): OwnRegistry {
    if (this.#registry === undefined) throw new Error("no test runs");
    return this.#registry;
  }

  /** The repository's address. */
  get repository(): string {
    return `${this.registry.url}/v2/man/i-fests`;
  }

  async expectStored(response: Response, { digest }: PushedManifest): Promise<void> {
    const { pathname } = new URL(this.repository);
    expect({
      status: response.status,
      body: await response.text(),
      location: response.headers.get("location"),
      digest: response.headers.get("docker-content-digest"),
    }).toEqual({ status: 201, body: "", location: `${pathname}/manifests/${digest}`, digest });
  }

  async expectPulled(reference: string, { bytes, digest, mediaType }: PushedManifest): Promise<void> {
    const expected = { type: mediaType, length: String(bytes.length), digest, etag: `"${digest}"` };
    for (const method of ["GET", "HEAD"]) {
      const response = await fetch(`${this.repository}/manifests/${reference}`, { method });
      const { headers } = response;
      expect(response.status).toBe(200);
      expect({
        type: headers.get("content-type"),
        length: headers.get("content-length"),
        digest: headers.get("docker-content-digest"),
        etag: headers.get("etag"),
      }).toEqual(expected);
      const body = Buffer.from(await response.arrayBuffer());
      expect(body.equals(method === "GET" ? bytes : Buffer.alloc(0))).toBe(true);
    }
  }
}

/** Whatever was refused: nothing of it is on the disk, and there are rows for all that is. */
function expectNothingLeft(registry: OwnRegistry): void {
  expect(readdirSync(join(registry.root, "content/ingest"))).toEqual([]);
  const rows = registry.state.db.query<{ digest: string }, []>("SELECT digest FROM blobs").all();
  expect(rows.length).toBeGreaterThan(0);
  expect(registry.stored().toSorted()).toEqual(rows.map((row) => row.digest).toSorted());
}
