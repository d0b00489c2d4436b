import { type FSWatcher, watch } from "node:fs";
import { type FileHandle, open, readdir } from "node:fs/promises";
import { join } from "node:path";
import { logNumbers } from "./log-files.ts";
import { type LogRecord, parseLogRecord } from "./log-record.ts";

/** A place in a container's log: before the record that begins there. */
export interface LogPosition {
  /** Of the file. */
  readonly number: number;
  /** Bytes into it. */
  readonly offset: number;
}

/** A record with where it begins. */
export interface PlacedLogRecord extends LogRecord {
  readonly position: LogPosition;
}

export interface ReadLogOptions {
  /** Begin here, instead of where `tail` says. */
  readonly from?: LogPosition;
  /** From this moment on. */
  readonly sinceNs?: bigint;
  /** Up to this moment. */
  readonly untilNs?: bigint;
  /** Only so many of the last lines. */
  readonly tail?: number;
  /**
   * Wait for more at the end, until `ended` settles.
   *
   * @default false
   */
  readonly follow?: boolean;
  /** Settles when the container has ended and its log is complete. */
  readonly ended?: Promise<unknown>;
  readonly signal?: AbortSignal;
  /** @default both */
  readonly streams?: readonly ("stdout" | "stderr")[];
}

const CHUNK_BYTES = 64 * 1024;
/** A record is 16 KiB and its head; what is longer is none. */
const RECORD_BYTES = 32 * 1024;
const NEWLINE = 0x0a;
/** How often a follower looks without being told: inotify can be exhausted. */
const LOOK_MS = 500;

/**
 * Reads a container's log, following it across its numbered files. Records come in the order of writing; torn ones are skipped.
 *
 * @param folder where the files are: asked each time, for a log may be set aside while it is read.
 */
export async function* readLog(folder: () => string, options: ReadLogOptions = {}): AsyncGenerator<PlacedLogRecord> {
  const { sinceNs, untilNs, signal } = options;
  const streams = options.streams ?? ["stdout", "stderr"];
  for await (const record of records(folder, options)) {
    if (signal?.aborted) return;
    if (!streams.includes(record.stream) || (sinceNs !== undefined && record.timeNs < sinceNs)) continue;
    if (untilNs !== undefined && record.timeNs > untilNs) return;
    yield record;
  }
}

async function* records(folder: () => string, options: ReadLogOptions): AsyncGenerator<PlacedLogRecord> {
  const start = options.from ?? (await findLogStart(folder(), options));
  using changes = options.follow ? new Changes(folder(), options) : undefined;
  let { number, offset } = start;
  for (;;) {
    // Asked in this order, since nobody writes to a file once the next one exists, nor to any once the container ended.
    const isEnded = changes === undefined || changes.isEnded;
    const directory = folder();
    const next = (await numbersIn(directory)).find((other) => other > number);
    const seen = changes?.count;
    await using file = await openFile(directory, number);
    if (file !== undefined) {
      for await (const [record, end] of recordsOf(file, offset)) {
        const position = { number, offset };
        offset = end;
        if (record !== undefined) yield { ...record, position };
      }
    }
    if (next !== undefined) [number, offset] = [next, 0];
    else if (isEnded || options.signal?.aborted) return;
    else await changes.after(seen ?? 0);
  }
}

async function numbersIn(directory: string): Promise<number[]> {
  try {
    return logNumbers(await readdir(directory));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

async function openFile(directory: string, number: number): Promise<FileHandle | undefined> {
  try {
    return await open(join(directory, `${number}.log`), "r");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** Whole lines from `offset` on, each with the offset after it; a last line without its newline waits for the next time. */
async function* recordsOf(file: FileHandle, offset: number): AsyncGenerator<readonly [LogRecord | undefined, number]> {
  const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
  let at = offset;
  for (;;) {
    const { bytesRead } = await file.read(buffer, 0, buffer.length, at);
    let start = 0;
    for (let end = buffer.indexOf(NEWLINE); end >= 0 && end < bytesRead; end = buffer.indexOf(NEWLINE, start)) {
      const line = Uint8Array.prototype.slice.call(buffer, start, end + 1);
      start = end + 1;
      yield [parseLogRecord(line), at + start];
    }
    if (start === 0 && bytesRead > RECORD_BYTES) start = bytesRead;
    if (start === 0) return;
    at += start;
  }
}

/** Where the last `tail` lines begin; the oldest record without a tail. */
export async function findLogStart(
  directory: string,
  options: Pick<ReadLogOptions, "tail" | "streams"> = {},
): Promise<LogPosition> {
  const numbers = await numbersIn(directory);
  let start: LogPosition = { number: numbers[0] ?? 1, offset: 0 };
  if (options.tail === undefined || options.tail < 0) return start;
  const streams = options.streams ?? ["stdout", "stderr"];
  let missing = options.tail;
  for (const number of numbers.toReversed()) {
    await using file = await openFile(directory, number);
    if (file === undefined) continue;
    const offsets: number[] = [];
    let end = 0;
    // The ring of the last line starts of this file: a line starts after the end of the one before it.
    let isInLine = false;
    for await (const [record, after] of recordsOf(file, 0)) {
      if (record !== undefined && streams.includes(record.stream)) {
        if (!isInLine) offsets.push(end);
        if (offsets.length > missing) offsets.shift();
        isInLine = record.isPartial;
      }
      end = after;
    }
    if (options.tail === 0) return { number, offset: end };
    start = { number, offset: offsets[0] ?? end };
    missing -= offsets.length;
    if (missing === 0) return start;
  }
  return start;
}

/** Wakes a follower when something in the folder changed, the container ended, or the reader lost interest. */
class Changes implements Disposable {
  /** Grows with each change. */
  count = 0;
  isEnded = false;
  readonly #watcher: FSWatcher | undefined;
  readonly #signal: AbortSignal | undefined;
  #wake: () => void = () => {};
  readonly #changed = (): void => {
    this.count++;
    this.#wake();
  };

  constructor(directory: string, options: ReadLogOptions) {
    this.#signal = options.signal;
    this.#signal?.addEventListener("abort", this.#changed);
    const end = (): void => {
      this.isEnded = true;
      this.#changed();
    };
    options.ended?.then(end, end);
    try {
      this.#watcher = watch(directory, this.#changed);
      this.#watcher.on("error", () => {});
    } catch {
      // No inotify left, or no folder yet: LOOK_MS has to do.
    }
  }

  async after(count: number): Promise<void> {
    if (this.count !== count || this.isEnded || this.#signal?.aborted) return;
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      timer = setTimeout(resolve, LOOK_MS);
    });
    clearTimeout(timer);
  }

  [Symbol.dispose](): void {
    this.#watcher?.close();
    this.#signal?.removeEventListener("abort", this.#changed);
  }
}
