import { join } from "node:path";
import type { Container } from "./container/container.ts";

/** Where the engine keeps things. Socket paths stay short: they end at 108 bytes (unix(7)). */
export class EnginePaths {
  readonly containers: string;
  readonly sockets: string;
  readonly shm: string;
  readonly keptLogs: string;

  constructor(options: { readonly root: string; readonly stateDirectory: string }) {
    this.containers = join(options.root, "containers");
    this.keptLogs = join(options.root, "kept-logs");
    this.sockets = join(options.stateDirectory, "monitors");
    this.shm = join(options.stateDirectory, "shm");
  }

  directory(id: string): string {
    return join(this.containers, id);
  }

  /** What the container writes. */
  upper(id: string): string {
    return join(this.directory(id), "upper");
  }

  work(id: string): string {
    return join(this.directory(id), "work");
  }

  exitRecord(id: string): string {
    return join(this.directory(id), "exit.json");
  }

  socket(id: string): string {
    return join(this.sockets, `${id.slice(0, 12)}.sock`);
  }

  execSocket(execId: string): string {
    return join(this.sockets, `x${execId.slice(0, 12)}.sock`);
  }

  execExitRecord(id: string, execId: string): string {
    return join(this.directory(id), "exec", `${execId}.json`);
  }

  /** The log of a removed container, while somebody may still be reading it. */
  keptLog(id: string): string {
    return join(this.keptLogs, id);
  }

  /** The /dev/shm of a container that shares it. */
  shared(id: string): string {
    return join(this.shm, id.slice(0, 12));
  }

  files(id: string): Container["paths"] {
    const directory = this.directory(id);
    return {
      directory,
      log: join(directory, "log"),
      hosts: join(directory, "hosts"),
      hostname: join(directory, "hostname"),
      resolvConf: join(directory, "resolv.conf"),
    };
  }
}
