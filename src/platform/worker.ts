import { GantryError } from "../errors/gantry-error.ts";
import { hasSpareDescriptors } from "./spare-descriptors.ts";

/** A thread with a module of ours in it, that talks in messages. */
export interface WorkerThread {
  /** Sends a message; `transfer` gives buffers away instead of copying them. */
  post(message: unknown, transfer?: readonly ArrayBuffer[]): void;
  /** Sets the one listener. */
  onMessage(listener: (message: unknown) => void): void;
  /** Sets the one who hears, in words, that the module cannot be loaded or that an error was not caught in it. */
  onError(listener: (message: string) => void): void;
  /** Ends the thread, whatever it does, and waits until it is gone. */
  terminate(): Promise<void>;
  /** Whether the process stays alive for its sake. */
  keepAlive(isNeeded: boolean): void;
}

/**
 * Where a module of the repository is found: beside this file, or inside the packaged program. There every worker is an extra
 * entry point of `bun build --compile --root <repository>`, which keeps its path and makes it `.js`.
 *
 * Asked of what is embedded, not of `import.meta.url`: in some forms of packaging that is the path on the machine of the build.
 */
function workerAddress(path: string): string {
  if (Bun.embeddedFiles.length === 0) return new URL(`../../${path}`, import.meta.url).href;
  return `/$bunfs/root/${path.replace(/\.ts$/, ".js")}`;
}

/** A thread needs three or four for its event loop and its module; without them Bun ends the whole process (measured with 1.4.5). */
const WORKER_DESCRIPTORS = 8;

/**
 * Starts a thread with the module at `path`, relative to the repository: `src/image/unpack/unpack-worker.ts`.
 *
 * @throws `unavailable` if there are no descriptors for it
 */
export function startWorker(path: string): WorkerThread {
  if (!hasSpareDescriptors(WORKER_DESCRIPTORS)) {
    throw new GantryError("unavailable", "cannot start a thread: too many files are open", {
      hint: "raise the limit of open files",
    });
  }
  const worker = new Worker(workerAddress(path));
  const closed = new Promise<void>((resolve) => worker.addEventListener("close", () => resolve(), { once: true }));
  return {
    post: (message, transfer = []) => worker.postMessage(message, [...transfer]),
    onMessage: (listener) => {
      worker.onmessage = (event: MessageEvent) => listener(event.data);
    },
    onError: (listener) => {
      worker.onerror = (event) => {
        event.preventDefault();
        listener(event.message || String(event));
      };
    },
    terminate: async () => {
      worker.terminate();
      await closed;
    },
    keepAlive: (isNeeded) => {
      const handle = worker as unknown as { ref(): void; unref(): void };
      if (isNeeded) handle.ref();
      else handle.unref();
    },
  };
}

/** The side inside the thread: what the one who started it sends, and a way to answer. */
export interface WorkerPort {
  post(message: unknown, transfer?: readonly ArrayBuffer[]): void;
  onMessage(listener: (message: unknown) => void): void;
}

/** The port of the thread that this runs in. */
export function workerPort(): WorkerPort {
  const scope = globalThis as unknown as {
    postMessage(message: unknown, transfer?: readonly ArrayBuffer[]): void;
    onmessage: ((event: { data: unknown }) => void) | null;
  };
  return {
    post: (message, transfer = []) => scope.postMessage(message, transfer),
    onMessage: (listener) => {
      scope.onmessage = (event) => listener(event.data);
    },
  };
}
