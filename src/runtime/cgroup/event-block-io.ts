import type { Json } from "./exact-json.ts";

type Entry = { readonly [name: string]: Json };

/** runc's fields, and the file of v1's block controller that each is read from. */
const TABLES = [
  ["ioServiceBytesRecursive", "io_service_bytes_recursive"],
  ["ioServicedRecursive", "io_serviced_recursive"],
  ["ioQueueRecursive", "io_queued_recursive"],
  ["ioServiceTimeRecursive", "io_service_time_recursive"],
  ["ioWaitTimeRecursive", "io_wait_time_recursive"],
  ["ioMergedRecursive", "io_merged_recursive"],
  ["ioTimeRecursive", "time_recursive"],
  ["sectorsRecursive", "sectors_recursive"],
] as const;

/** Without zeros, as Go's `omitempty` has it. */
function entryOf(major: bigint, minor: bigint, op: string, value: bigint): Entry {
  return {
    ...(major === 0n ? {} : { major }),
    ...(minor === 0n ? {} : { minor }),
    ...(op === "" ? {} : { op }),
    ...(value === 0n ? {} : { value }),
  };
}

/** Lines `8:0 Read 1`, or `8:0 1`; the last, `Total 1`, is of no device. */
function parseTable(text: string): readonly Entry[] {
  return text.split("\n").flatMap((line) => {
    const match = /^(\d+):(\d+) (?:(\w+) )?(\d+)$/.exec(line);
    if (match === null) return [];
    const [, major = "0", minor = "0", op = "", value = "0"] = match;
    return [entryOf(BigInt(major), BigInt(minor), op, BigInt(value))];
  });
}

function withoutEmpty(tables: readonly (readonly [string, readonly Entry[]])[]): Entry {
  return Object.fromEntries(tables.filter(([, entries]) => entries.length > 0));
}

/**
 * v1's numbers: those of BFQ if that scheduler has served anything, else those of the throttle, which sees all.
 *
 * @param read a file's text, empty when it is not there.
 */
export function readBlkioEvents(read: (file: string) => string): Entry {
  for (const prefix of ["blkio.bfq.", "blkio."]) {
    if (parseTable(read(`${prefix}io_serviced_recursive`)).length === 0) continue;
    return withoutEmpty(TABLES.map(([name, file]) => [name, parseTable(read(prefix + file))] as const));
  }
  const throttle = (file: string): readonly Entry[] =>
    parseTable(read(`blkio.throttle.${file}_recursive`) || read(`blkio.throttle.${file}`));
  return withoutEmpty([
    ["ioServiceBytesRecursive", throttle("io_service_bytes")],
    ["ioServicedRecursive", throttle("io_serviced")],
  ]);
}

/** v2's `io.stat`, in the tables and the words of v1. */
export function readIoEvents(text: string): Entry {
  const bytes: Entry[] = [];
  const operations: Entry[] = [];
  for (const line of text.split("\n")) {
    const [device = "", ...fields] = line.split(" ");
    const match = /^(\d+):(\d+)$/.exec(device);
    if (match === null) continue;
    const [major, minor] = [BigInt(match[1] ?? 0), BigInt(match[2] ?? 0)];
    for (const field of fields) {
      const [key = "", value = ""] = field.split("=", 2);
      if (!/^\d+$/.test(value)) continue;
      const op = key.startsWith("r") ? "Read" : "Write";
      if (key === "rbytes" || key === "wbytes") bytes.push(entryOf(major, minor, op, BigInt(value)));
      else if (key === "rios" || key === "wios") operations.push(entryOf(major, minor, op, BigInt(value)));
    }
  }
  return withoutEmpty([
    ["ioServiceBytesRecursive", bytes],
    ["ioServicedRecursive", operations],
  ]);
}
