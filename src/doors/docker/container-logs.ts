import { encodeFrame, encodePosition, MULTIPLEXED_STREAM } from "../../api/stdio-frames.ts";
import type { LogPosition, LogsOptions } from "../../engine/engine.ts";
import { outputMediaType } from "./connect-stdio.ts";
import type { DoorParts } from "./door-parts.ts";
import { RequestError } from "./error-status.ts";
import type { Exchange } from "./exchange.ts";
import type { Query } from "./query.ts";
import { formatLogTimestamp, parseTimestamp } from "./timestamp.ts";

/** How much output comes between two positions at most: what a client that comes back has to skip. */
const POSITION_EVERY_BYTES = 256 * 1024;

/**
 * `GET /containers/{id}/logs`. With `positions` (ours alone) it is told now and then where in the log the output stands, and
 * with `from` it begins there: so a client that lost the daemon goes on where it was.
 */
export async function sendLogs(exchange: Exchange, { engine }: DoorParts): Promise<void> {
  const name = exchange.parameter("name");
  const asked = parseLogsQuery(exchange.query);
  const { isTimed, hasPositions, ...query } = asked;
  const from = query.from ?? (hasPositions ? await engine.logPosition(name, query) : undefined);
  const log = await engine.logs(name, { ...query, ...(from === undefined ? {} : { from }), signal: exchange.signal });
  const isRaw = log.isTerminal && !hasPositions;
  const records = log[Symbol.asyncIterator]();
  try {
    const stream = exchange.openStream(hasPositions ? MULTIPLEXED_STREAM : outputMediaType(exchange, log.isTerminal));
    if (hasPositions && from !== undefined) await stream.write(encodePosition(formatPosition(from)));
    let sinceBytes = 0;
    for (let next = await records.next(); next.done !== true; next = await records.next()) {
      const { stream: source, timeNs, bytes, position } = next.value;
      if (hasPositions && sinceBytes > POSITION_EVERY_BYTES) {
        await stream.write(encodePosition(formatPosition(position)));
        sinceBytes = 0;
      }
      const line = isTimed ? Buffer.concat([Buffer.from(`${formatLogTimestamp(timeNs)} `), bytes]) : bytes;
      sinceBytes += line.byteLength;
      await stream.write(isRaw ? line : encodeFrame({ stream: source, bytes: line }));
    }
    stream.end();
  } finally {
    await records.return?.();
  }
}

interface LogsQuery extends LogsOptions {
  readonly isTimed: boolean;
  readonly hasPositions: boolean;
}

function parseLogsQuery(query: Query): LogsQuery {
  const stdout = query.flag("stdout");
  const stderr = query.flag("stderr");
  if (!stdout && !stderr) {
    throw new RequestError(400, "Bad parameters: you must choose at least one stream");
  }
  const since = query.text("since");
  const until = query.text("until");
  const tail = parseTail(query.text("tail"));
  const from = query.text("from");
  return {
    stdout,
    stderr,
    follow: query.flag("follow"),
    isTimed: query.flag("timestamps"),
    hasPositions: query.flag("positions"),
    ...(since === undefined || since === "0" ? {} : { sinceNs: parseTimestamp(since, "since") }),
    ...(until === undefined || until === "0" ? {} : { untilNs: parseTimestamp(until, "until") }),
    ...(tail === undefined ? {} : { tail }),
    ...(from === undefined ? {} : { from: parsePosition(from) }),
  };
}

/** What is no number means all, as with Docker. */
function parseTail(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

/** A place in a log, as it travels. */
export function formatPosition({ number, offset }: LogPosition): string {
  return `${number}.${offset}`;
}

function parsePosition(text: string): LogPosition {
  const match = /^([1-9]\d{0,14})\.(\d{1,15})$/.exec(text);
  if (match === null) throw new RequestError(400, `invalid position in the log: ${JSON.stringify(text)}`);
  return { number: Number(match[1]), offset: Number(match[2]) };
}
