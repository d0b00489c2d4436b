import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { mkdtempSync, readdirSync, rmSync, statfsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { digestOf } from "../../src/oci/hash-digest.ts";
import { skipReason } from "../support/command.ts";
import { pushBlob, pushImage } from "../support/push-content.ts";
import { RegistryProcess } from "../support/registry-process.ts";

const skip = skipReason({ root: true, programs: ["unshare", "mount"] });
if (skip !== undefined) console.log(`skipped: ${skip}`);

const MIB = 1024 * 1024;

describe.skipIf(skip !== undefined)("a registry on a full disk", () => {
  let folder: string;
  let registry: RegistryProcess;
  let repository: string;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "gantry-full-registry-"));
    // A file system of its own, in a mount namespace of its own.
    const mount = 'mount -t tmpfs -o size=48m tmpfs "$0" && exec "$@"';
    const before = ["unshare", "--mount", "--propagation", "private", "sh", "-c", mount, folder];
    registry = await RegistryProcess.start({ root: folder, before });
    repository = `${registry.url}/v2/full/disk`;
  });
  afterAll(async () => {
    await registry[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  const inside = (path: string): string => join(`/proc/${registry.pid}/root`, folder, path);
  const freeBytes = (): number => {
    const { bavail, bsize } = statfsSync(inside(""));
    return bavail * bsize;
  };

  /** The words of an error. */
  async function refusedFor(response: Response): Promise<string> {
    expect(response.status).toBe(507);
    const { errors } = (await response.json()) as { errors: { code: string; message: string }[] };
    return errors[0]?.message ?? "";
  }

  test("fails the upload with a sentence, by each way of pushing, and gives back its room", async () => {
    const kept = randomBytes(8 * MIB);
    const digest = await pushBlob(repository, kept);
    const { digest: image } = await pushImage(repository, "latest");
    const free = freeBytes();
    const large = randomBytes(60 * MIB);
    const name = digestOf(large);
    const begin = async (): Promise<string> => {
      const begun = await fetch(`${repository}/blobs/uploads/`, { method: "POST" });
      return `${registry.url}${begun.headers.get("location")}`;
    };
    const ways: readonly (() => Promise<Response>)[] = [
      () => fetch(`${repository}/blobs/uploads/?digest=${name}`, { method: "POST", body: large }),
      async () => fetch(`${await begin()}?digest=${name}`, { method: "PUT", body: large }),
      async () => fetch(await begin(), { method: "PATCH", body: large }),
    ];
    for (const push of ways) {
      expect(await refusedFor(await push())).toMatch(/no space left on device.*free some space/);
      // What failed is gone, what was there is there, and whatever fits is taken.
      expect(readdirSync(inside("uploads"))).toEqual([]);
      expect(freeBytes()).toBeGreaterThan(free - MIB);
      const known = await fetch(`${repository}/blobs/${digest}`);
      expect(digestOf(Buffer.from(await known.arrayBuffer()))).toBe(digest);
      expect((await fetch(`${repository}/manifests/${image}`)).status).toBe(200);
      await pushBlob(repository, randomBytes(1000));
    }
  });

  test("goes on reading and deleting with not a byte left, and takes pushes once there is room", async () => {
    const { digest: image } = await pushImage(repository, "still-here");
    const fill = async (sizeBytes: number): Promise<string[]> => {
      const filled: string[] = [];
      for (let isFull = false; !isFull; ) {
        const bytes = randomBytes(sizeBytes);
        const digest = digestOf(bytes);
        const response = await fetch(`${repository}/blobs/uploads/?digest=${digest}`, { method: "POST", body: bytes });
        if (response.status === 201) filled.push(digest);
        else {
          expect(await refusedFor(response)).toContain("no space left on device");
          isFull = true;
        }
      }
      return filled;
    };
    const filled = [...(await fill(2 * MIB)), ...(await fill(64 * 1024)), ...(await fill(4096))];
    expect(freeBytes()).toBeLessThan(64 * 1024);
    expect((await fetch(`${repository}/manifests/still-here`)).status).toBe(200);
    const manifest = JSON.stringify({ mediaType: "application/vnd.test.pad", pad: "x".repeat(1_000_000) });
    const put = await fetch(`${repository}/manifests/new`, { method: "PUT", body: manifest });
    expect(await refusedFor(put)).toContain("no space left on device");
    expect((await fetch(`${repository}/manifests/new`)).status).toBe(404);
    for (const digest of filled) {
      expect((await fetch(`${repository}/blobs/${digest}`, { method: "DELETE" })).status).toBe(202);
    }
    expect((await fetch(`${repository}/manifests/still-here`, { method: "DELETE" })).status).toBe(202);
    expect((await fetch(`${repository}/manifests/${image}`)).status).toBe(200);
    expect(registry.isRunning).toBe(true);
    expect(registry.log.split("\n").filter((line) => /^ +at |internal/.test(line))).toEqual([]);
  });
});
