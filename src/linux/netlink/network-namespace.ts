import { closeSync, openSync } from "node:fs";
import { GantryError } from "../../errors/gantry-error.ts";
import { describeErrno } from "../../platform/errno.ts";
import { SYS, syscall } from "../../platform/libc.ts";

const CLONE_NEWNET = 0x40000000;
/** That of the calling thread. */
const CURRENT = "/proc/thread-self/ns/net";

/** A network namespace held open by a descriptor: its process may end without another taking its place under our hands. */
export class NetworkNamespace implements Disposable {
  readonly descriptor: number;
  #isClosed = false;

  private constructor(descriptor: number) {
    this.descriptor = descriptor;
  }

  /** @throws `not-found` when no such process is there (any more). */
  static ofProcess(pid: number): NetworkNamespace {
    return NetworkNamespace.open(`/proc/${pid}/ns/net`);
  }

  /** The namespace that a path names: `/proc/<pid>/ns/net`, `/run/netns/<name>`. */
  static open(path: string): NetworkNamespace {
    try {
      return new NetworkNamespace(openSync(path, "r"));
    } catch (cause) {
      throw new GantryError("not-found", `cannot open the network namespace ${path}`, { cause });
    }
  }

  /** A new one, empty but for `lo`; gone when nothing holds it any more. */
  static create(): NetworkNamespace {
    using home = NetworkNamespace.open(CURRENT);
    const made = syscall(SYS.unshare, CLONE_NEWNET);
    if (made < 0) throw new GantryError("internal", `cannot make a network namespace: ${describeErrno(-made)}`);
    try {
      return NetworkNamespace.open(CURRENT);
    } finally {
      goHome(home);
    }
  }

  [Symbol.dispose](): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    closeSync(this.descriptor);
  }
}

/** When the way back fails the process ends: nothing that it did afterwards could be trusted. */
function goHome(home: NetworkNamespace): void {
  if (syscall(SYS.setns, home.descriptor, CLONE_NEWNET) < 0) process.abort();
}

function isPromise(value: unknown): boolean {
  return typeof value === "object" && value !== null && "then" in value;
}

/**
 * Runs `action` with the calling thread inside of `namespace`, and returns to the thread's own namespace.
 *
 * `action` must be synchronous: whatever ran between its parts would run in the wrong namespace; a promise is refused.
 * Sockets opened inside stay in that namespace, and `/proc/sys/net` is that namespace's.
 */
export function withNetworkNamespace<Result>(namespace: NetworkNamespace, action: () => Result): Result {
  using home = NetworkNamespace.open(CURRENT);
  const entered = syscall(SYS.setns, namespace.descriptor, CLONE_NEWNET);
  if (entered < 0) {
    throw new GantryError("internal", `cannot enter a network namespace: ${describeErrno(-entered)}`);
  }
  let result: Result;
  try {
    result = action();
  } finally {
    goHome(home);
  }
  if (isPromise(result)) throw new GantryError("internal", "withNetworkNamespace takes synchronous actions only");
  return result;
}
