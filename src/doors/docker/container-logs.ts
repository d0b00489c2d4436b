import { encodeFrame } from "../../api/stdio-frames.ts";
import type { LogsOptions } from "../../engine/engine.ts";
import { outputMediaType } from "./connect-stdio.ts";
import type { DoorParts } from "./door-parts.ts";
import { RequestError } from "./error-status.ts";
import type { Exchange } from "./exchange.ts";
import type { Query } from "./query.ts";
import { formatLogTimestamp, parseTimestamp } from "./timestamp.ts";

/** `GET /containers/{id}/logs`. */
export async function sendLogs(exchange: Exchange, { engine }: DoorParts): Promise<void> {
  const name = exchange.parameter("name");
  const container = engine.inspect(name);
  const options = { ...parseLogsQuery(exchange.query), signal: exchange.signal };
  const withTimestamps = exchange.query.flag("timestamps");
  const isTerminal = container.config.tty ?? false;
  const records = engine.logs(container.id, options)[Symbol.asyncIterator]();
  try {
    const stream = exchange.openStream(outputMediaType(exchange, isTerminal));
    for (let next = await records.next(); next.done !== true; next = await records.next()) {
      const { stream: source, timeNs, bytes } = next.value;
      const line = withTimestamps ? Buffer.concat([Buffer.from(`${formatLogTimestamp(timeNs)} `), bytes]) : bytes;
      await stream.write(isTerminal ? line : encodeFrame({ stream: source, bytes: line }));
    }
    stream.end();
  } finally {
    await records.return?.();
  }
}

function parseLogsQuery(query: Query): LogsOptions {
  const stdout = query.flag("stdout");
  const stderr = query.flag("stderr");
  if (!stdout && !stderr) {
    throw new RequestError(400, "Bad parameters: you must choose at least one stream");
  }
  const since = query.text("since");
  const until = query.text("until");
  const tail = parseTail(query.text("tail"));
  return {
    stdout,
    stderr,
    follow: query.flag("follow"),
    ...(since === undefined || since === "0" ? {} : { sinceNs: parseTimestamp(since, "since") }),
    ...(until === undefined || until === "0" ? {} : { untilNs: parseTimestamp(until, "until") }),
    ...(tail === undefined ? {} : { tail }),
  };
}

/** What is no number means all, as with Docker. */
function parseTail(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}
