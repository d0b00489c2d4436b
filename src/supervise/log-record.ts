/** One record of a log: a line, or a part of a very long one. */
export interface LogRecord {
  readonly timeNs: bigint;
  readonly stream: "stdout" | "stderr";
  /** As the container wrote it: the newline included where it ended the line. */
  readonly bytes: Uint8Array;
  /** True when the line goes on in the next record of this stream. */
  readonly isPartial: boolean;
}

const SPACE = 0x20;
const NEWLINE = 0x0a;
const HEAD_BYTES = 64;

/** Nanoseconds since 1970 of an RFC 3339 time in UTC; undefined when it is none. */
export function parseLogTime(text: string): bigint | undefined {
  const match = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z$/.exec(text);
  const seconds = match === null ? Number.NaN : Date.parse(`${match[1]}Z`);
  return Number.isNaN(seconds) ? undefined : BigInt(seconds) * 1_000_000n + BigInt((match?.[2] ?? "0").padEnd(9, "0"));
}

/**
 * Parses one line of the CRI log format, `<time> <stdout|stderr> <P|F> <text>`, its newline included.
 *
 * @returns undefined for what is not a record: a torn write of a killed machine, a file touched by hand.
 */
export function parseLogRecord(line: Uint8Array): LogRecord | undefined {
  const head = Buffer.from(line.buffer, line.byteOffset, Math.min(line.length, HEAD_BYTES)).toString("latin1");
  const match = /^(\S+) (stdout|stderr) ([PF]) /.exec(head);
  const timeNs = match === null ? undefined : parseLogTime(match[1] ?? "");
  if (match === null || timeNs === undefined || line.at(-1) !== NEWLINE || line[match[0].length - 1] !== SPACE)
    return undefined;
  const isPartial = match[3] === "P";
  return {
    timeNs,
    stream: match[2] === "stderr" ? "stderr" : "stdout",
    bytes: line.slice(match[0].length, isPartial ? -1 : undefined),
    isPartial,
  };
}
