import { GantryError } from "../errors/gantry-error.ts";

/** The longest path that fits into `sun_path` with its final zero (unix(7)). */
const MAX_SOCKET_PATH_BYTES = 107;

/**
 * The socket's path in a host as `--host` takes it: `unix:///run/gantry/gantry.sock`, or the path alone.
 *
 * @throws `unsupported` for another protocol, `invalid-argument` for what is no absolute path.
 */
export function parseHost(host: string): string {
  const text = host.startsWith("/") ? `unix://${host}` : host;
  const [, protocol = "", path = ""] = /^([a-z][a-z0-9+.-]*):\/\/(.*)$/s.exec(text) ?? [];
  if (protocol === "") {
    throw new GantryError("invalid-argument", `invalid host ${JSON.stringify(host)}`, {
      hint: "write it as unix:///path/to/socket",
    });
  }
  if (protocol !== "unix") {
    throw new GantryError("unsupported", `hosts of the form ${protocol}:// are not there yet`, {
      hint: "use unix:///path/to/socket",
    });
  }
  if (!path.startsWith("/") || path.includes("\0")) {
    throw new GantryError("invalid-argument", `the socket's path in ${JSON.stringify(host)} is not absolute`);
  }
  if (Buffer.byteLength(path) > MAX_SOCKET_PATH_BYTES) {
    throw new GantryError(
      "invalid-argument",
      `the socket's path ${path} is longer than ${MAX_SOCKET_PATH_BYTES} bytes, the most the kernel takes`,
    );
  }
  return path;
}
