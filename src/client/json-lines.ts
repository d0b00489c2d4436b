import { GantryError } from "../errors/gantry-error.ts";

const MAX_LINE_BYTES = 16 * 1024 * 1024;

/**
 * Reads a stream of JSON values, one a line, as the API's streams of progress, events and statistics come.
 *
 * @throws `data-loss` for a line that is not JSON, `exhausted` for one without an end.
 */
export async function* readJsonLines(body: AsyncIterable<Uint8Array>): AsyncGenerator<unknown, void, undefined> {
  let rest: Uint8Array[] = [];
  let length = 0;
  for await (const bytes of body) {
    let start = 0;
    for (let end = bytes.indexOf(0x0a); end !== -1; end = bytes.indexOf(0x0a, start)) {
      const line = Buffer.concat([...rest, bytes.subarray(start, end)]).toString("utf8");
      rest = [];
      length = 0;
      start = end + 1;
      if (line.trim() !== "") yield parseLine(line);
    }
    if (start < bytes.byteLength) {
      // A copy: a view would keep the whole chunk.
      rest.push(bytes.slice(start));
      length += bytes.byteLength - start;
      if (length > MAX_LINE_BYTES) throw new GantryError("exhausted", "the daemon sent a line without an end");
    }
  }
  const last = Buffer.concat(rest).toString("utf8");
  if (last.trim() !== "") yield parseLine(last);
}

function parseLine(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch (cause) {
    throw new GantryError("data-loss", "the daemon sent a line that is not JSON", { cause });
  }
}
