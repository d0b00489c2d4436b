import { createHash } from "node:crypto";
import { open } from "node:fs/promises";
import { finishDigest } from "../../oci/hash-digest.ts";
import type { Pace } from "./pace.ts";
import type { Verification, VerifyTask } from "./scrub-protocol.ts";

const READ_BYTES = 1 << 18;

/** What the kernel says when the disk does not give back what was written. */
const LOST = ["EIO", "ENOENT", "EUCLEAN", "EBADMSG"];

/** Reads a file at a pace, and hashes it. Never throws. */
export async function verifyFile(task: VerifyTask, pace: Pace): Promise<Verification> {
  const hash = createHash(task.algorithm);
  let sizeBytes = 0;
  try {
    await using file = await open(task.path, "r");
    await pace.opened(task.bytesPerSecond);
    const buffer = new Uint8Array(READ_BYTES);
    for (;;) {
      const { bytesRead } = await file.read(buffer, 0, READ_BYTES);
      if (bytesRead === 0) break;
      hash.update(buffer.subarray(0, bytesRead));
      sizeBytes += bytesRead;
      await pace.read(bytesRead, task.bytesPerSecond);
    }
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : String(error);
    return {
      problem: code === "ENOENT" ? "its file is missing" : `its file cannot be read: ${code}`,
      isLost: LOST.includes(code),
    };
  }
  return { digest: finishDigest(hash, task.algorithm), sizeBytes };
}
