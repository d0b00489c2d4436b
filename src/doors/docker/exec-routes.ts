import type { CreateExecRequest, ExecInspect, StartExecRequest } from "../../api/exec.ts";
import { encodeFrame } from "../../api/stdio-frames.ts";
import type { Exec, ExecConfig, StdioSession } from "../../engine/engine.ts";
import { formatError, type GantryError, isGantryError } from "../../errors/gantry-error.ts";
import { connectStdio, detachFilter, outputMediaType } from "./connect-stdio.ts";
import { sizeOf } from "./container-routes.ts";
import type { DoorParts } from "./door-parts.ts";
import { RequestError } from "./error-status.ts";
import type { Exchange } from "./exchange.ts";
import { checkFields, type FieldTable, harmless, served } from "./field-rules.ts";
import { throwProblems } from "./parse-create-request.ts";
import type { Route } from "./router.ts";

const CREATE_EXEC_FIELDS: FieldTable<CreateExecRequest> = {
  User: served("text"),
  Privileged: served("flag"),
  Tty: served("flag"),
  ConsoleSize: harmless("the start says it again"),
  AttachStdin: served("flag"),
  AttachStderr: served("flag"),
  AttachStdout: served("flag"),
  Detach: harmless("the start says it again"),
  DetachKeys: served("text"),
  Env: served("texts"),
  WorkingDir: served("text"),
  Cmd: served("texts"),
};

const START_EXEC_FIELDS: FieldTable<StartExecRequest> = {
  Detach: served("flag"),
  Tty: harmless("what it was created with counts"),
  ConsoleSize: served("console-size"),
};

export function execRoutes(parts: DoorParts): readonly Route[] {
  const { engine } = parts;
  return [
    {
      method: "POST",
      path: "/containers/{name}/exec",
      async handle(exchange) {
        const config = parseCreateExec(await exchange.readJson());
        const { id } = await engine.createExec(exchange.parameter("name"), config);
        exchange.sendJson(201, { Id: id });
      },
    },
    {
      method: "POST",
      path: "/exec/{id}/start",
      isHijackable: true,
      handle: (exchange) => start(exchange, parts),
    },
    {
      method: "POST",
      path: "/exec/{id}/resize",
      async handle(exchange) {
        await engine.resizeExec(exchange.parameter("id"), sizeOf(exchange));
        exchange.sendStatus(200);
      },
    },
    {
      method: "GET",
      path: "/exec/{id}/json",
      handle: (exchange) => exchange.sendJson(200, describeExec(engine.inspectExec(exchange.parameter("id")))),
    },
  ];
}

async function start(exchange: Exchange, { engine }: DoorParts): Promise<void> {
  const id = exchange.parameter("id");
  const request = checked<StartExecRequest>(await exchange.readJson(), START_EXEC_FIELDS);
  const { config } = engine.inspectExec(id);
  const detach = request.Detach ?? false;
  const [height = 0, width = 0] = request.ConsoleSize ?? [];
  const isTerminal = config.tty ?? false;
  let session: StdioSession | undefined;
  try {
    session = await engine.startExec(id, {
      detach,
      ...(height > 0 && width > 0 ? { consoleSize: { height, width } } : {}),
    });
  } catch (error) {
    if (!hasExecFailed(error)) throw error;
    if (detach) throw new RequestError(400, formatError(error));
    await tellFailure(exchange, error, isTerminal);
    return;
  }
  if (session === undefined) {
    exchange.sendStatus(200);
    return;
  }
  await connectStdio(exchange, session, {
    isTerminal,
    hasStdin: config.openStdin ?? false,
    closesStdin: true,
    detachKeys: config.detachKeys ?? "",
  });
}

/** The exec was begun, and has an exit code now: 126 or 127. */
function hasExecFailed(error: unknown): error is GantryError {
  return isGantryError(error) && (error.exitCode === 126 || error.exitCode === 127);
}

/**
 * Docker's clients take any answer but a stream for a broken connection: the reason is the stream's only output, and the
 * exec's exit code the rest of the answer.
 */
async function tellFailure(exchange: Exchange, error: GantryError, isTerminal: boolean): Promise<void> {
  const client = exchange.hijack(outputMediaType(exchange, isTerminal));
  const bytes = Buffer.from(`${formatError(error)}\r\n`);
  try {
    await client.write(isTerminal ? bytes : encodeFrame({ stream: "stderr", bytes }));
  } catch {
    // The client has gone: there is nobody to tell.
  } finally {
    await client.end();
  }
}

function parseCreateExec(body: unknown): ExecConfig {
  const request = checked<CreateExecRequest>(body, CREATE_EXEC_FIELDS);
  if ((request.Cmd ?? []).length === 0) throw new RequestError(400, "No exec command specified");
  if (request.DetachKeys) detachFilter({ isTerminal: true, detachKeys: request.DetachKeys });
  return {
    command: request.Cmd ?? [],
    ...(request.Env?.length ? { env: request.Env } : {}),
    ...(request.WorkingDir ? { workingDirectory: request.WorkingDir } : {}),
    ...(request.User ? { user: request.User } : {}),
    tty: request.Tty ?? false,
    openStdin: request.AttachStdin ?? false,
    attachStdout: request.AttachStdout ?? false,
    attachStderr: request.AttachStderr ?? false,
    privileged: request.Privileged ?? false,
    ...(request.DetachKeys ? { detachKeys: request.DetachKeys } : {}),
  };
}

function checked<T>(body: unknown, table: FieldTable<T>): T {
  if (typeof body !== "object" || body === null || Array.isArray(body)) {
    throw new RequestError(400, "the request's body is not a JSON object");
  }
  throwProblems(checkFields(body as Record<string, unknown>, table, ""));
  return body as T;
}

function describeExec(exec: Exec): ExecInspect {
  const { config } = exec;
  const [entrypoint = "", ...rest] = config.command;
  return {
    ID: exec.id,
    Running: exec.running,
    ExitCode: exec.exitCode ?? null,
    ProcessConfig: {
      tty: config.tty ?? false,
      entrypoint,
      arguments: rest,
      privileged: config.privileged ?? false,
      ...(config.user === undefined ? {} : { user: config.user }),
    },
    OpenStdin: config.openStdin ?? false,
    OpenStderr: config.attachStderr ?? false,
    OpenStdout: config.attachStdout ?? false,
    CanRemove: exec.exitCode !== undefined,
    ContainerID: exec.containerId,
    DetachKeys: config.detachKeys ?? "",
    Pid: exec.pid,
  };
}
