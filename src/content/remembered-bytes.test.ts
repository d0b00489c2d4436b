import { expect, test } from "bun:test";
import { digestOf } from "../oci/hash-digest.ts";
import { RememberedBytes } from "./remembered-bytes.ts";

const KIB = 1024;

/** Reads blobs, named by letters, of this size. */
function reader(
  remembered: RememberedBytes,
  sizeBytes: number,
): { readonly get: (name: string) => Promise<void>; readonly reads: string[] } {
  const reads: string[] = [];
  const get = async (name: string): Promise<void> => {
    const bytes = await remembered.get(digestOf(name), async () => {
      reads.push(name);
      return Buffer.alloc(sizeBytes, name);
    });
    expect(Buffer.from(bytes).equals(Buffer.alloc(sizeBytes, name))).toBe(true);
  };
  return { get, reads };
}

test("what was read is known until others have pushed it out, the longest unused first", async () => {
  const { get, reads } = reader(new RememberedBytes(32 * KIB), KIB);
  const names = Array.from({ length: 26 }, (_, index) => String.fromCharCode(97 + index));
  for (const name of names) await get(name);
  await get("b");
  await get("A");
  reads.length = 0;
  // Each costs its bytes and a quarter more: 25 of them fit.
  for (const name of ["b", "A", "z", "e", "a"]) await get(name);
  expect(reads).toEqual(["a"]);
});

test("who asks at once waits for one reading, and all are told if it fails; the next one tries again", async () => {
  const remembered = new RememberedBytes(32 * KIB);
  const gate = Promise.withResolvers<Uint8Array>();
  let count = 0;
  const read = (): Promise<Uint8Array> => {
    count += 1;
    return gate.promise;
  };
  const asked = [1, 2, 3].map(() => remembered.get(digestOf("x"), read).then(String, (error: Error) => error.message));
  gate.reject(new Error("away"));
  expect([await Promise.all(asked), count]).toEqual([["away", "away", "away"], 1]);
  expect(await remembered.get(digestOf("x"), async () => Buffer.from("x"))).toEqual(Buffer.from("x"));
});

test.each([
  [0, KIB],
  [32 * KIB, 2 * KIB],
])("with room for %d nothing of %d is kept", async (maxBytes, sizeBytes) => {
  const { get, reads } = reader(new RememberedBytes(maxBytes), sizeBytes);
  await get("a");
  await get("a");
  expect(reads).toEqual(["a", "a"]);
});
