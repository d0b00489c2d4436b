import { compareApiVersions } from "../../api/api-version.ts";
import { encodeFrame, MULTIPLEXED_STREAM, RAW_STREAM } from "../../api/stdio-frames.ts";
import type { StdioSession } from "../../engine/engine.ts";
import { DEFAULT_DETACH_KEYS, DetachKeysFilter, parseDetachKeys } from "./detach-keys.ts";
import type { Exchange, Hijacked } from "./exchange.ts";

export interface StdioOptions {
  /** Without frames; what is typed is looked through for the detach keys. */
  readonly isTerminal: boolean;
  /** What the client sends goes to the program. */
  readonly hasStdin: boolean;
  /** The end of what the client sends ends the program's input, too. */
  readonly closesStdin: boolean;
  /** Empty: the default. */
  readonly detachKeys: string;
  /** Sent before the output. */
  readonly preface?: Uint8Array;
}

/** The media type of a container's output, as this client understands it. */
export function outputMediaType(exchange: Exchange, isTerminal: boolean): string {
  return !isTerminal && compareApiVersions(exchange.apiVersion, "1.42") >= 0 ? MULTIPLEXED_STREAM : RAW_STREAM;
}

/** The keys of a request, checked before anything happens. @throws `invalid-argument` */
export function detachFilter(options: Pick<StdioOptions, "isTerminal" | "detachKeys">): DetachKeysFilter | undefined {
  const keys = parseDetachKeys(options.detachKeys || DEFAULT_DETACH_KEYS);
  return options.isTerminal ? new DetachKeysFilter(keys) : undefined;
}

/**
 * Takes the connection over and joins it with a session until the program's output has ended, the client has detached
 * or gone. Never fails: there is nobody to tell.
 */
export async function connectStdio(exchange: Exchange, session: StdioSession, options: StdioOptions): Promise<void> {
  const filter = detachFilter(options);
  exchange.signal.addEventListener("abort", () => session.close(), { once: true });
  if (exchange.signal.aborted) {
    session.close();
    return;
  }
  const client = exchange.hijack(outputMediaType(exchange, options.isTerminal));
  void passInput(client, session, options, filter);
  try {
    if (options.preface !== undefined) await client.write(options.preface);
    for await (const chunk of session.output) {
      await client.write(options.isTerminal ? chunk.bytes : encodeFrame(chunk));
    }
  } catch {
    // The client has gone in the middle of a write, or the session with it.
  } finally {
    session.close();
    await client.end();
  }
}

async function passInput(
  client: Hijacked,
  session: StdioSession,
  options: StdioOptions,
  filter: DetachKeysFilter | undefined,
): Promise<void> {
  try {
    for (let bytes = await client.read(); bytes !== undefined; bytes = await client.read()) {
      if (!options.hasStdin) continue;
      const typed = filter?.push(bytes) ?? { bytes, hasDetached: false };
      if (typed.bytes.byteLength > 0) await session.write(typed.bytes);
      if (typed.hasDetached) {
        session.close();
        return;
      }
    }
    if (!options.hasStdin) return;
    // As Docker: the end of input ends the program's input if it was for this client alone, else it ends the attachment.
    if (options.closesStdin && !options.isTerminal) await session.closeStdin();
    else session.close();
  } catch {
    // The client broke off (the session is closed by its signal), or the program takes no more input: output goes on.
  }
}
