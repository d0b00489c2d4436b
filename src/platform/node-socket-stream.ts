import type { Socket } from "node:net";
import { SocketStream } from "./socket-stream.ts";

/** Takes over a socket of node:net. */
export function streamOfNodeSocket(socket: Socket): SocketStream {
  const stream = new SocketStream({
    pause: () => void socket.pause(),
    resume: () => void socket.resume(),
    write: (bytes) => write(socket, bytes),
    endWriting: () => endWriting(socket),
    destroy: () => void socket.destroy(),
    ref: () => void socket.ref(),
    unref: () => void socket.unref(),
  });
  socket.on("data", (bytes: Uint8Array) => stream.hasReceived(bytes));
  socket.on("end", () => stream.hasEnded());
  socket.on("error", (error) => stream.hasFailed(error));
  if (socket.destroyed) stream.hasClosed();
  else socket.once("close", () => stream.hasClosed());
  socket.resume();
  return stream;
}

function write(socket: Socket, bytes: Uint8Array | string): Promise<void> {
  return new Promise((resolve, reject) => {
    const close = (): void => reject(new Error("it was closed"));
    if (socket.destroyed) {
      close();
      return;
    }
    socket.once("close", close);
    socket.write(bytes, (error) => {
      socket.removeListener("close", close);
      if (error === undefined || error === null) resolve();
      else reject(error);
    });
  });
}

function endWriting(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    if (socket.destroyed || socket.writableEnded) {
      resolve();
      return;
    }
    socket.once("close", () => resolve());
    socket.end(() => resolve());
  });
}
