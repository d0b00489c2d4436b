import { createConnection } from "node:net";

/** Sends bytes as they are and collects what comes back until the other side closes. */
export function talk(socketPath: string, request: string, options: { readonly half?: boolean } = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = createConnection({ path: socketPath, allowHalfOpen: true });
    let received = "";
    socket.on("connect", () => {
      socket.write(request);
      if (options.half === true) socket.end();
    });
    socket.on("data", (bytes) => (received += bytes.toString("latin1")));
    socket.on("end", () => {
      socket.end();
      resolve(received);
    });
    socket.on("error", reject);
  });
}

/** A request without a body, after which the server closes. @param line `GET /_ping` */
export function requestText(line: string, ...headers: readonly string[]): string {
  return [`${line} HTTP/1.1`, "Host: x", ...headers, "Connection: close", "", ""].join("\r\n");
}
