import { describe, expect, test } from "bun:test";
import type { Digest } from "../oci/digest.ts";
import type { Image } from "./image.ts";
import { planRemoval, type RemovalRequest } from "./plan-removal.ts";

const id = `sha256:${"ab".repeat(32)}` as Digest;
const busybox = "docker.io/library/busybox:latest";
const pinned = `docker.io/library/busybox@sha256:${"cd".repeat(32)}`;
const other = "localhost:5000/other:1";
const running = { id: "e".repeat(64), isRunning: true };
const stopped = { id: "f".repeat(64), isRunning: false };

function plan(request: Partial<RemovalRequest>) {
  return planRemoval({
    ...{ image: { id } as Image, reference: undefined, names: [busybox, pinned], users: [], force: false },
    ...request,
  });
}

describe("planRemoval", () => {
  test("the last tag takes its digests and the image with it", () => {
    expect(plan({ reference: busybox })).toEqual({ untag: [busybox, pinned], deletesImage: true });
  });

  test("one of several names only goes away itself", () => {
    expect(plan({ reference: other, names: [busybox, pinned, other], users: [running] })).toEqual({
      untag: [other],
      deletesImage: false,
    });
  });

  test("a used image is refused in Docker's words", () => {
    expect(() => plan({ reference: busybox, users: [stopped] })).toThrow(
      'conflict: unable to remove repository reference "busybox:latest" (must force) - container ffffffffffff is using its referenced image abababababab',
    );
    expect(() => plan({ users: [stopped] })).toThrow(
      "conflict: unable to delete abababababab (must be forced) - image is being used by stopped container ffffffffffff",
    );
    expect(() => plan({ users: [stopped, running], force: true })).toThrow(
      "conflict: unable to delete abababababab (cannot be forced) - image is being used by running container eeeeeeeeeeee",
    );
  });

  test("by id, an image of several repositories needs force", () => {
    const names = [busybox, other];
    expect(() => plan({ names })).toThrow("(must be forced) - image is referenced in multiple repositories");
    expect(plan({ names, force: true })).toEqual({ untag: names, deletesImage: true });
  });

  test("with force, a name goes and the image stays for its container", () => {
    expect(plan({ reference: busybox, users: [running], force: true }).deletesImage).toBe(false);
  });
});
