import { write, writeSync } from "node:fs";

/** @returns how many bytes were written. Not by `promisify`: loading node:util takes 2 ms of every start, and the runtime starts for each command. */
function writeSome(fd: number, bytes: Uint8Array, position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    write(fd, bytes, 0, bytes.byteLength, position, (error, written) => {
      if (error) reject(error);
      else resolve(written);
    });
  });
}

/** Writes all of a chunk at a place of a file, whoever opened it. @throws what the file system says */
export async function writeWhole(fd: number, chunk: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < chunk.byteLength; ) done += await writeSome(fd, chunk.subarray(done), position + done);
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
