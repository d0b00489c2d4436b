import { write, writeSync } from "node:fs";
import { promisify } from "node:util";

const writeSome = promisify(write);

/** Writes all of a chunk at a place of a file, whoever opened it. @throws what the file system says */
export async function writeWhole(fd: number, chunk: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < chunk.byteLength; ) {
    done += (await writeSome(fd, chunk, done, chunk.byteLength - done, position + done)).bytesWritten;
  }
}

/**
 * As `writeWhole`, while the thread waits.
 *
 * @param position @default where the last write to the descriptor ended
 * @throws what the file system says
 */
export function writeWholeSync(fd: number, chunk: Uint8Array, position?: number): void {
  for (let done = 0; done < chunk.byteLength; ) {
    const at = position === undefined ? null : position + done;
    done += writeSync(fd, chunk, done, chunk.byteLength - done, at);
  }
}
