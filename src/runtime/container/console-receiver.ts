import { closeSync } from "node:fs";
import { GantryError } from "../../errors/gantry-error.ts";
import { connectUnixStream, sendMessage } from "../../platform/descriptor-messages.ts";
import { describeErrno } from "../../platform/errno.ts";

/** What goes with the descriptor: runc sends the name of the file (libcontainer's cmsg). */
const NAME = "/dev/ptmx";

/** Takes the master of a container's terminal: for the console socket, or for who stays in the foreground. */
export class ConsoleReceiver implements Disposable {
  readonly #socket: number | undefined;
  readonly #path: string;
  #master: number | undefined;

  private constructor(socket: number | undefined, path: string) {
    this.#socket = socket;
    this.#path = path;
  }

  /** Connects at once, so that nothing begins whose terminal nobody takes. @throws `unavailable` */
  static open(path: string | undefined): ConsoleReceiver {
    if (path === undefined) return new ConsoleReceiver(undefined, "");
    const socket = connectUnixStream(path);
    if (socket < 0)
      throw new GantryError("unavailable", `cannot connect to the console socket ${path}: ${describeErrno(-socket)}`);
    return new ConsoleReceiver(socket, path);
  }

  /** Undefined until there is one, or when it went to the socket. */
  get master(): number | undefined {
    return this.#master;
  }

  take(master: number): void {
    if (this.#socket === undefined) {
      this.#master = master;
      return;
    }
    const failure = sendMessage(this.#socket, Buffer.from(NAME), [master]);
    closeSync(master);
    if (failure < 0)
      throw new GantryError(
        "unavailable",
        `cannot send the terminal to the console socket ${this.#path}: ${describeErrno(-failure)}`,
      );
  }

  [Symbol.dispose](): void {
    if (this.#socket !== undefined) closeSync(this.#socket);
  }
}
