import { afterEach, beforeEach } from "bun:test";
import { randomBytes } from "node:crypto";
import { RegistryClient, type RegistryClientOptions } from "../../src/distribution/client/registry-client.ts";
import { formatError, isGantryError } from "../../src/errors/gantry-error.ts";
import { MEDIA_TYPES } from "../../src/oci/media-types.ts";
import { parseReference, type Reference } from "../../src/oci/reference.ts";
import { FakeRegistry } from "./fake-registry.ts";

/** The bytes that are downloaded. */
export const BLOB = randomBytes(300_000);

/** For each test of a file a registry, and another host that it may send clients to. */
export class ClientFixture {
  #registry: FakeRegistry | undefined;
  #elsewhere: FakeRegistry | undefined;

  /** To be called where a file's tests are declared. */
  static forEachTest(): ClientFixture {
    const fixture = new ClientFixture();
    beforeEach(async () => {
      fixture.#registry = await FakeRegistry.start();
      fixture.#elsewhere = await FakeRegistry.start();
    });
    afterEach(() => {
      fixture.registry[Symbol.dispose]();
      fixture.elsewhere[Symbol.dispose]();
    });
    return fixture;
  }

  get registry(): FakeRegistry {
    if (this.#registry === undefined) throw new Error("no test runs");
    return this.#registry;
  }

  get elsewhere(): FakeRegistry {
    if (this.#elsewhere === undefined) throw new Error("no test runs");
    return this.#elsewhere;
  }

  /** A client of the registry that does not wait long. */
  client(options: Partial<RegistryClientOptions> = {}): RegistryClient {
    const quick = { stallTimeoutMs: 200, responseTimeoutMs: 2000, retryDelaysMs: [1, 1, 1] };
    const { host } = this.registry;
    return new RegistryClient({ host, isInsecure: true, now: () => 1_700_000_000_000, ...quick, ...options });
  }

  reference(text: string): Reference {
    return parseReference(`${this.registry.host}/${text}`);
  }

  /** Has the registry hold `BLOB`, and gets it from there. */
  async download(using: RegistryClient = this.client(), size = BLOB.byteLength): Promise<Buffer> {
    const descriptor = { ...this.registry.addBlob(BLOB, MEDIA_TYPES.ociLayer), size };
    return Buffer.concat(await Array.fromAsync(await using.openBlob("app", descriptor)));
  }
}

/** What a promise fails with, in one sentence, and its code. */
export async function failureOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    return isGantryError(error) ? `${error.code}: ${formatError(error)}` : `not ours: ${error}`;
  }
  return "no failure";
}
