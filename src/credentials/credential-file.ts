import { chmodSync, mkdirSync, readFileSync, realpathSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { GantryError } from "../errors/gantry-error.ts";
import { isSameRegistry } from "../oci/comparable-host.ts";

/** What a file keeps for one server. */
export interface StoredAuth {
  /** Base64 of `user:password`. */
  readonly auth?: string;
  readonly identitytoken?: string;
  readonly registrytoken?: string;
  readonly username?: string;
  readonly password?: string;
}

interface FileContent {
  readonly auths?: Readonly<Record<string, StoredAuth>>;
  readonly credsStore?: string;
  readonly credHelpers?: Readonly<Record<string, string>>;
  readonly [other: string]: unknown;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * A file of credentials as `docker login` and `podman login` keep them: `~/.docker/config.json`, `auth.json`. What else it says is
 * kept as it is.
 */
export class CredentialFile {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  /** Undefined if there is none. @throws `invalid-argument` if it cannot be understood, and is therefore not written to either. */
  get auths(): Readonly<Record<string, StoredAuth>> {
    return this.#read().auths ?? {};
  }

  /** The helper for a server: its own, else the one for all; undefined if the file itself keeps the credentials. */
  helperFor(server: string): string | undefined {
    const { credsStore, credHelpers = {} } = this.#read();
    const key = Object.hasOwn(credHelpers, server)
      ? server
      : Object.keys(credHelpers).find((other) => isSameRegistry(other, server));
    const name = (key === undefined ? undefined : credHelpers[key]) ?? credsStore ?? "";
    return name === "" ? undefined : name;
  }

  /** What it names: servers, parts of them, addresses. */
  get keys(): readonly string[] {
    const { auths = {}, credHelpers = {} } = this.#read();
    return [...new Set([...Object.keys(auths), ...Object.keys(credHelpers)])];
  }

  /** Keeps credentials for a server, readable by its owner alone. An empty object notes that a helper has them. */
  set(server: string, auth: StoredAuth): void {
    const content = this.#read();
    this.#write({ ...content, auths: { ...content.auths, [server]: auth } });
  }

  /** Forgets servers. @returns those that were there. */
  remove(servers: readonly string[]): readonly string[] {
    const content = this.#read();
    const known = servers.filter((server) => content.auths?.[server] !== undefined);
    if (known.length === 0) return known;
    const auths = Object.entries(content.auths ?? {}).filter(([server]) => !known.includes(server));
    this.#write({ ...content, auths: Object.fromEntries(auths) });
    return known;
  }

  #read(): FileContent {
    let text: string;
    try {
      text = readFileSync(this.path, "utf8");
    } catch (cause) {
      if (cause instanceof Error && "code" in cause && (cause.code === "ENOENT" || cause.code === "ENOTDIR")) return {};
      throw new GantryError("unavailable", `cannot read the credentials in ${this.path}`, { cause });
    }
    if (text.trim() === "") return {};
    const problem = (why: string): GantryError =>
      new GantryError("invalid-argument", `cannot understand the credentials in ${this.path}: ${why}`, {
        hint: "repair the file, or move it away and log in again",
      });
    let parsed: unknown;
    try {
      parsed = JSON.parse(text);
    } catch {
      throw problem("it is not JSON");
    }
    if (!isRecord(parsed)) throw problem("it is not an object");
    const { auths = {}, credHelpers = {}, credsStore = "" } = parsed;
    if (!isRecord(auths) || !Object.values(auths).every(isRecord)) throw problem("auths is not an object of objects");
    const areNames = isRecord(credHelpers) && Object.values(credHelpers).every((name) => typeof name === "string");
    if (!areNames) throw problem("credHelpers is not an object of strings");
    if (typeof credsStore !== "string") throw problem("credsStore is not a string");
    return parsed as FileContent;
  }

  #write(content: FileContent): void {
    try {
      mkdirSync(dirname(this.path), { recursive: true, mode: 0o700 });
      // Where it is a link (into a folder of dotfiles, say), what it points to is replaced.
      const path = resolveLink(this.path);
      const temporary = `${path}.${process.pid}.new`;
      try {
        writeFileSync(temporary, `${JSON.stringify(content, undefined, "\t")}\n`, { mode: 0o600, flag: "wx" });
        chmodSync(temporary, 0o600);
        renameSync(temporary, path);
      } finally {
        rmSync(temporary, { force: true });
      }
    } catch (cause) {
      throw new GantryError("unavailable", `cannot write the credentials to ${this.path}`, { cause });
    }
  }
}

function resolveLink(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}
