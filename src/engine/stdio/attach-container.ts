import { GantryError } from "../../errors/gantry-error.ts";
import type { AttachOptions, StdioSession } from "../engine.ts";
import type { EngineContext } from "../engine-context.ts";
import { readContainerLog } from "../logs/read-container-log.ts";
import { PendingSession } from "./stdio-session.ts";

/**
 * Connects to a container's streams, before it starts too. With `logs` all output comes from the log, what was printed before
 * and what follows: so each byte comes exactly once.
 */
export async function attachContainer(
  context: EngineContext,
  name: string,
  options: AttachOptions,
): Promise<StdioSession> {
  const record = context.records.resolve(name);
  if (record.state.status === "paused") {
    throw new GantryError("conflict", `container ${record.name} is paused, unpause the container before attach`);
  }
  const live = context.live(record.id);
  const { logs = false, stream = true } = options;
  const wanted = { stdout: options.stdout === true, stderr: options.stderr === true };
  const stdin = options.stdin === true && stream && record.config.openStdin === true;
  const end = new AbortController();
  const output = logs
    ? await readContainerLog(context, record.id, { ...wanted, follow: stream, signal: end.signal })
    : undefined;
  const session = new PendingSession(output === undefined ? {} : { output });
  session.ended.then(() => end.abort());
  if (!logs) await live.addSession(session, { stdin, ...wanted });
  else if (stdin) await live.addSession(session, { stdin, stdout: false, stderr: false });
  else session.bindToLog();
  context.records.tell(context.event(record, "attach"));
  return session;
}
