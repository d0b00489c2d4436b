import { encodePosition } from "../../api/stdio-frames.ts";
import type { WaitCondition } from "../../engine/engine.ts";
import { formatError, isGantryError } from "../../errors/gantry-error.ts";
import { connectStdio, detachFilter } from "./connect-stdio.ts";
import { CONTAINER_FILTERS, containerFilter } from "./container-filters.ts";
import { formatPosition, sendLogs } from "./container-logs.ts";
import { sendStats } from "./container-stats.ts";
import { describeContainer, summarizeContainer } from "./describe-container.ts";
import type { DoorParts } from "./door-parts.ts";
import { RequestError } from "./error-status.ts";
import type { Exchange } from "./exchange.ts";
import { parseCreateRequest } from "./parse-create-request.ts";
import { parseUpdateRequest } from "./parse-update-request.ts";
import type { Method, Route } from "./router.ts";

export function containerRoutes(parts: DoorParts): readonly Route[] {
  const { engine } = parts;
  const route = (
    method: Method,
    call: string,
    handle: (exchange: Exchange, name: string) => Promise<void> | void,
  ): Route => ({
    method,
    path: `/containers/{name}${call}`,
    handle: (exchange) => handle(exchange, exchange.parameter("name")),
  });
  /** An action whose answer is its status. */
  const act = (call: string, perform: (exchange: Exchange, name: string) => Promise<unknown>): Route =>
    route("POST", call, async (exchange, name) => {
      const isUnchanged = String(await perform(exchange, name)).startsWith("already-");
      exchange.sendStatus(isUnchanged ? 304 : 204);
    });
  return [
    { method: "GET", path: "/containers/json", handle: (exchange) => list(exchange, parts) },
    { method: "POST", path: "/containers/create", handle: (exchange) => create(exchange, parts) },
    route("GET", "/json", async (exchange, name) => {
      const container = engine.inspect(name);
      const size = exchange.query.flag("size") ? await engine.size(container.id) : undefined;
      exchange.sendJson(200, describeContainer(container, size));
    }),
    act("/start", (exchange, name) => {
      detachFilter({ isTerminal: false, detachKeys: exchange.query.text("detachKeys") ?? "" });
      const after = parseGathering(exchange);
      if (after === undefined) return engine.start(name, { trace: exchange.trace });
      return engine.start(name, { trace: exchange.trace, after, signal: exchange.signal });
    }),
    act("/stop", (exchange, name) => engine.stop(name, stopOptions(exchange))),
    act("/restart", (exchange, name) => engine.restart(name, stopOptions(exchange))),
    act("/kill", (exchange, name) => engine.kill(name, signalOption(exchange))),
    act("/pause", (_exchange, name) => engine.pause(name)),
    act("/unpause", (_exchange, name) => engine.unpause(name)),
    act("/rename", (exchange, name) => {
      const newName = exchange.query.text("name");
      if (newName === undefined) throw new RequestError(400, "Neither old nor new names may be empty");
      return engine.rename(name, newName);
    }),
    route("POST", "/update", async (exchange, name) => {
      const { warnings } = await engine.update(name, parseUpdateRequest(await exchange.readJson()));
      exchange.sendJson(200, { Warnings: warnings });
    }),
    route("POST", "/resize", async (exchange, name) => {
      await engine.resize(name, sizeOf(exchange));
      exchange.sendStatus(200);
    }),
    route("POST", "/wait", (exchange, name) => wait(exchange, name, parts)),
    { ...route("POST", "/attach", (exchange, name) => attach(exchange, name, parts)), isHijackable: true },
    route("GET", "/logs", (exchange) => sendLogs(exchange, parts)),
    route("GET", "/top", async (exchange, name) => {
      const { titles, rows } = await engine.top(name, exchange.query.text("ps_args"));
      exchange.sendJson(200, { Titles: titles, Processes: rows });
    }),
    route("GET", "/stats", (exchange) => sendStats(exchange, parts)),
    route("DELETE", "", async (exchange, name) => {
      if (exchange.query.flag("link")) throw new RequestError(501, "removing a link (--link) is not there yet");
      const force = exchange.query.flag("force");
      await engine.remove(name, { force, volumes: exchange.query.flag("v") });
      exchange.sendStatus(204);
    }),
  ];
}

async function list(exchange: Exchange, { engine, images, now }: DoorParts): Promise<void> {
  const { query } = exchange;
  const filters = query.filters(CONTAINER_FILTERS);
  const matches = containerFilter(filters, {
    findContainer: (name) => engine.inspect(name),
    findImageId: (name) => {
      try {
        return images.inspect(name).Id;
      } catch (error) {
        if (isGantryError(error, "not-found")) return undefined;
        throw error;
      }
    },
  });
  const limit = query.integer("limit", -1) ?? 0;
  const isWide =
    query.flag("all") || limit > 0 || ["status", "exited", "before", "since"].some((name) => name in filters);
  const found = engine
    .list()
    .filter((container) => isWide || container.state.status === "running" || container.state.status === "paused")
    .filter(matches);
  const shown = limit > 0 ? found.slice(0, limit) : found;
  const withSize = query.flag("size");
  const summaries = [];
  for (const container of shown) {
    const size = withSize ? await engine.size(container.id) : undefined;
    summaries.push(summarizeContainer(container, now(), size));
  }
  exchange.sendJson(200, summaries);
}

async function create(exchange: Exchange, { engine }: DoorParts): Promise<void> {
  const platform = exchange.query.text("platform");
  const config = parseCreateRequest(await exchange.readJson(), platform === undefined ? {} : { platform });
  const name = exchange.query.text("name");
  const { id, warnings } = await engine.create(config, {
    trace: exchange.trace,
    ...(name === undefined ? {} : { name: name.replace(/^\//, "") }),
  });
  exchange.sendJson(201, { Id: id, Warnings: warnings });
}

function stopOptions(exchange: Exchange): { readonly timeoutSeconds?: number; readonly signal?: string } {
  const timeoutSeconds = exchange.query.integer("t", -1);
  return { ...(timeoutSeconds === undefined ? {} : { timeoutSeconds }), ...signalOption(exchange) };
}

function signalOption(exchange: Exchange): { readonly signal?: string } {
  const signal = exchange.query.text("signal");
  return signal === undefined ? {} : { signal };
}

/** `h` and `w`. @throws 400 */
export function sizeOf(exchange: Exchange): { readonly height: number; readonly width: number } {
  const height = exchange.query.integer("h");
  const width = exchange.query.integer("w");
  if (height === undefined || width === undefined || height > 0xffff || width > 0xffff) {
    throw new RequestError(400, "h and w must be the terminal's height and width in characters");
  }
  return { height, width };
}

/** Our own header: `NAME` of a call that joins, `NAME 2` of a start that waits for two. @throws 400 */
function parseGathering(exchange: Exchange): { readonly gathering: string; readonly count: number } | undefined {
  const text = exchange.header("gantry-gathering");
  if (text === undefined) return undefined;
  const [, gathering = "", count = "0"] = /^([0-9a-z-]{1,64})(?: ([1-9]))?$/.exec(text) ?? [];
  if (gathering === "") throw new RequestError(400, `invalid header Gantry-Gathering: ${JSON.stringify(text)}`);
  return { gathering, count: Number(count) };
}

function joinGathering(exchange: Exchange, name: string, engine: DoorParts["engine"]): void {
  const joined = parseGathering(exchange);
  if (joined !== undefined) engine.joinGathering(name, joined.gathering);
}

const WAIT_CONDITIONS: readonly WaitCondition[] = ["not-running", "next-exit", "removed"];

async function wait(exchange: Exchange, name: string, { engine }: DoorParts): Promise<void> {
  const text = exchange.query.text("condition") ?? "not-running";
  const condition = WAIT_CONDITIONS.find((known) => known === text);
  if (condition === undefined) throw new RequestError(400, `invalid condition: ${JSON.stringify(text)}`);
  const { registered, result } = engine.wait(name, { condition, signal: exchange.signal });
  result.catch(() => {});
  await registered;
  joinGathering(exchange, name, engine);
  const stream = exchange.openStream("application/json");
  const answer = await result.then(
    ({ exitCode, error }) => ({ StatusCode: exitCode, ...(error === undefined ? {} : { Error: { Message: error } }) }),
    // Told within the answer, whose status has long been sent.
    (error: unknown) => ({ StatusCode: -1, Error: { Message: formatError(error) } }),
  );
  await stream.write(`${JSON.stringify(answer)}\n`);
  stream.end();
}

async function attach(exchange: Exchange, name: string, { engine }: DoorParts): Promise<void> {
  const { query } = exchange;
  const container = engine.inspect(name);
  const isTerminal = container.config.tty ?? false;
  const hasStdin = query.flag("stdin") && query.flag("stream") && container.config.openStdin === true;
  const options = {
    isTerminal,
    hasStdin,
    closesStdin: container.config.stdinOnce ?? false,
    detachKeys: query.text("detachKeys") ?? "",
  };
  detachFilter(options);
  const { status } = container.state;
  // Known only while it does not run: then its output begins where the log ends.
  const isPlaced = query.flag("positions") && !isTerminal && (status === "created" || status === "exited");
  const position = isPlaced ? formatPosition(await engine.logPosition(container.id, { tail: 0 })) : undefined;
  const session = await engine.attach(container.id, {
    stdin: hasStdin,
    stdout: query.flag("stdout"),
    stderr: query.flag("stderr"),
    logs: query.flag("logs"),
    stream: query.flag("stream"),
  });
  joinGathering(exchange, name, engine);
  await connectStdio(exchange, session, {
    ...options,
    ...(position === undefined ? {} : { preface: encodePosition(position) }),
  });
}
