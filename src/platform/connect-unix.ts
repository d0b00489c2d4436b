import { type RawSocket, SocketStream } from "./socket-stream.ts";

type BunSocket = Bun.Socket<undefined>;

/**
 * Connects to a unix socket. Bun's own sockets, since the loading of node:net costs a command line 4 ms.
 *
 * @throws an `Error` with the `code` of connect(2).
 */
export async function connectUnix(path: string): Promise<SocketStream> {
  const queue = new WriteQueue();
  let stream: SocketStream | undefined;
  const socket = await Bun.connect({
    unix: path,
    allowHalfOpen: true,
    socket: {
      open(opened) {
        stream = new SocketStream(rawSocket(opened, queue));
      },
      data: (_, bytes) => stream?.hasReceived(bytes),
      drain: (drained) => queue.flush(drained),
      end: () => stream?.hasEnded(),
      error: (_, error) => stream?.hasFailed(error),
      close(_, error) {
        if (error !== undefined) stream?.hasFailed(error);
        queue.fail(error ?? new Error("it was closed"));
        stream?.hasClosed();
      },
    },
  });
  return stream ?? new SocketStream(rawSocket(socket, queue));
}

function rawSocket(socket: BunSocket, queue: WriteQueue): RawSocket {
  return {
    pause: () => socket.pause(),
    resume: () => socket.resume(),
    write: (bytes) => queue.write(socket, bytes),
    endWriting: () => queue.end(socket),
    destroy: () => socket.terminate(),
    ref: () => socket.ref(),
    unref: () => socket.unref(),
  };
}

interface QueuedWrite {
  bytes: Uint8Array;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** What the kernel had no room for, in order. */
class WriteQueue {
  readonly #waiting: QueuedWrite[] = [];
  #failure: Error | undefined;
  #end: { readonly promise: Promise<void>; readonly resolve: () => void } | undefined;

  write(socket: BunSocket, data: Uint8Array | string): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined || this.#end !== undefined) {
        reject(this.#failure ?? new Error("its writing half was closed"));
        return;
      }
      this.#waiting.push({ bytes: typeof data === "string" ? Buffer.from(data) : data, resolve, reject });
      if (this.#waiting.length === 1) this.flush(socket);
    });
  }

  flush(socket: BunSocket): void {
    for (let first = this.#waiting[0]; first !== undefined; first = this.#waiting[0]) {
      const taken = first.bytes.byteLength === 0 ? 0 : socket.write(first.bytes);
      if (taken < 0) return; // It is closing: `fail` follows.
      first.bytes = first.bytes.subarray(taken);
      if (first.bytes.byteLength > 0) return;
      this.#waiting.shift();
      first.resolve();
    }
    if (this.#end === undefined || this.#failure !== undefined) return;
    socket.shutdown();
    this.#end.resolve();
  }

  /** Closes the writing half after what waits. */
  end(socket: BunSocket): Promise<void> {
    if (this.#failure !== undefined) return Promise.resolve();
    if (this.#end === undefined) {
      this.#end = Promise.withResolvers<void>();
      this.flush(socket);
    }
    return this.#end.promise;
  }

  fail(error: Error): void {
    this.#failure ??= error;
    for (const write of this.#waiting.splice(0)) write.reject(error);
    this.#end?.resolve();
  }
}
