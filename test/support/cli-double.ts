import type { EngineApi } from "../../src/api/engine-api.ts";
import type { OutputFrame } from "../../src/api/stdio-connection.ts";
import { commandLine } from "../../src/cli/command-line.ts";
import type { SignalName, Terminal } from "../../src/cli/terminal.ts";

/** A terminal in memory. */
export interface FakeTerminal extends Terminal {
  readonly printed: { stdout: string; stderr: string };
  /** Raw mode at this moment. */
  isRaw: boolean;
  send(signal: SignalName): void;
}

export interface FakeTerminalOptions {
  readonly isTerminal?: boolean;
  readonly input?: AsyncIterable<Uint8Array> | readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly size?: { readonly width: number; readonly height: number };
  /** After so many writes to stdout its reader is gone. */
  readonly breaksAfter?: number;
}

async function* chunksOf(input: AsyncIterable<Uint8Array> | readonly string[]): AsyncGenerator<Uint8Array> {
  for await (const chunk of input) yield typeof chunk === "string" ? Buffer.from(chunk) : chunk;
}

/** The clock stands at 2024-01-31T10:00:00Z, local time is UTC. */
export const NOW_MS = Date.parse("2024-01-31T10:00:00Z");

export function fakeTerminal(options: FakeTerminalOptions = {}): FakeTerminal {
  const printed = { stdout: "", stderr: "" };
  const listeners = new Set<(name: SignalName) => void>();
  let writes = 0;
  const isTerminal = options.isTerminal ?? false;
  const output = (name: "stdout" | "stderr") => ({
    isTerminal,
    async write(data: string | Uint8Array) {
      if (name === "stdout" && writes++ >= (options.breaksAfter ?? Number.POSITIVE_INFINITY)) {
        throw Object.assign(new Error("EPIPE: broken pipe, write"), { code: "EPIPE" });
      }
      printed[name] += typeof data === "string" ? data : Buffer.from(data).toString();
    },
  });
  const terminal: FakeTerminal = {
    printed,
    isRaw: false,
    send(signal) {
      for (const listener of listeners) listener(signal);
    },
    stdin: {
      isTerminal,
      read: () => chunksOf(options.input ?? []),
      setRawMode() {
        if (!isTerminal) return undefined;
        terminal.isRaw = true;
        return {
          [Symbol.dispose]() {
            terminal.isRaw = false;
          },
        };
      },
    },
    stdout: output("stdout"),
    stderr: output("stderr"),
    size: () => options.size,
    onResize: () => ({ [Symbol.dispose]() {} }),
    onSignals(_, listener) {
      listeners.add(listener);
      return { [Symbol.dispose]: () => void listeners.delete(listener) };
    },
    environment: options.environment ?? {},
    workingDirectory: "/here",
    userId: 0,
    now: () => NOW_MS,
    monotonic: async () => ({ nowUs: () => 1000, beganUs: 0 }),
    timeZone: () => ({ offsetMinutes: 0, name: "UTC" }),
  };
  return terminal;
}

/** An EngineApi of the methods given; each call is written to `calls`. Others throw. */
export function fakeApi(methods: Partial<EngineApi>, calls: string[] = []): EngineApi {
  return new Proxy(methods as EngineApi, {
    get(target, name) {
      if (name === "then") return undefined;
      const method = Reflect.get(target, name) as ((...args: unknown[]) => unknown) | undefined;
      if (method === undefined) throw new Error(`the test's API has no ${String(name)}`);
      return (...args: unknown[]) => {
        calls.push(String(name));
        return method(...args);
      };
    },
  });
}

export async function* frames(
  ...list: readonly (readonly [OutputFrame["stream"], string])[]
): AsyncGenerator<OutputFrame> {
  for (const [stream, text] of list) yield { stream, bytes: Buffer.from(text) };
}

export interface RunMainOptions extends FakeTerminalOptions {
  /** The daemon, or why there is none. @default one of whom nothing may be asked */
  readonly api?: EngineApi | Error;
  readonly terminal?: FakeTerminal;
}

/** Carries out a command line in memory. */
export async function runMain(
  argv: readonly string[],
  options: RunMainOptions = {},
): Promise<{ readonly status: number; readonly stdout: string; readonly stderr: string }> {
  const terminal = options.terminal ?? fakeTerminal(options);
  const status = await commandLine(argv, terminal, {
    selfCommand: () => ["gantry"],
    async connect() {
      const { api = fakeApi({}) } = options;
      if (api instanceof Error) throw api;
      return api;
    },
  });
  return { status, ...terminal.printed };
}
