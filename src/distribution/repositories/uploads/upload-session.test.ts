import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { digestOf } from "../../../oci/hash-digest.ts";
import type { BodyPlace } from "../../../platform/http/body-receiver.ts";
import { writeWhole } from "../../../platform/write-whole.ts";
import { parseRepositoryName } from "../repository-name.ts";
import { OwnHash } from "./running-hash.ts";
import { digestOfSession, type UploadSession, writeAndHash } from "./upload-session.ts";

const folder = mkdtempSync(join(tmpdir(), "gantry-upload-session-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** Takes the same bytes from each place, as if they had come there. */
class TakingHash extends OwnHash {
  static readonly taken = Buffer.from("taken");

  override async write(file: FileHandle, chunk: Uint8Array, position: number, place?: BodyPlace): Promise<void> {
    const chunkBytes = chunk.byteLength;
    await super.write(file, chunk, position);
    if (place === undefined) return;
    await writeWhole(file.fd, TakingHash.taken, position + chunkBytes);
    place.takenBytes = TakingHash.taken.byteLength;
  }
}

test.each([
  ["counts", false, "chunktaken"],
  ["does not count, if the connection broke meanwhile,", true, "chunk"],
])("an upload %s what was taken from a connection", async (_, isBroken, kept) => {
  const path = join(folder, String(isBroken));
  const session: UploadSession = {
    id: "id",
    repository: parseRepositoryName("a/repository"),
    user: undefined,
    algorithm: "sha512",
    path,
    hash: new TakingHash("sha512"),
    offsetBytes: 0,
    touchedMs: 0,
    isOver: false,
    writing: undefined,
  };
  const file = await open(path, "wx");
  await writeAndHash(session, file, Buffer.from("chunk"), { fd: -1, bytesMax: 100, takenBytes: 0, isBroken });
  await file.close();
  expect(session.offsetBytes).toBe(kept.length);
  expect(readFileSync(path, "utf8")).toBe(kept);
  expect(await digestOfSession(session, "sha256")).toBe(digestOf(kept));
  // What goes on is not hashed after what is not there.
  expect(session.hash === undefined).toBe(isBroken);
});
