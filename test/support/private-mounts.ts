import { type ChildProcess, spawn } from "node:child_process";
import { findProgram } from "./command.ts";
import { endChild } from "./end-child.ts";

/** A mount namespace that many commands share and the host does not: what they mount and forget goes with it. */
export class PrivateMounts implements AsyncDisposable {
  readonly #holder: ChildProcess;

  private constructor(holder: ChildProcess) {
    this.#holder = holder;
  }

  static async open(): Promise<PrivateMounts> {
    const command = ["--mount", "--propagation", "private", "sh", "-c", "echo ready; exec sleep 1000000"];
    const holder = spawn(findProgram("unshare") ?? "unshare", command, { stdio: ["ignore", "pipe", "inherit"] });
    await new Promise<void>((resolve, reject) => {
      holder.stdout?.once("data", () => resolve());
      holder.once("exit", (status) => reject(new Error(`unshare ended with ${status}`)));
    });
    return new PrivateMounts(holder);
  }

  /** A command as it is to be started to run inside. */
  inside(command: readonly string[]): readonly [string, ...string[]] {
    return ["nsenter", "--target", String(this.#holder.pid), "--mount", "--", ...command];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await endChild(this.#holder, "SIGKILL");
  }
}
