import { join } from "node:path";
import type { RegistryAuth } from "../api/image.ts";
import { isSameRegistry, withComparableHost } from "../oci/comparable-host.ts";
import { formatRepository, type Reference } from "../oci/reference.ts";
import { registryOfServer, serverOfRegistry } from "../oci/registry-server.ts";
import { CredentialFile, type StoredAuth } from "./credential-file.ts";
import { credentialHelper } from "./credential-helper.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** The user name under which helpers keep identity tokens. */
const TOKEN_USER = "<token>";

/** What `docker login` keeps. */
export class CredentialStore {
  readonly #environment: Environment;
  readonly #file: CredentialFile;
  readonly #fallbacks: readonly CredentialFile[];

  constructor(files: { readonly own: string; readonly fallbacks?: readonly string[] }, environment: Environment) {
    this.#environment = environment;
    this.#file = new CredentialFile(files.own);
    this.#fallbacks = (files.fallbacks ?? []).map((path) => new CredentialFile(path));
  }

  /** Docker's file, as the environment names it; podman's are read where that has nothing. */
  static ofUser(environment: Environment): CredentialStore {
    const { DOCKER_CONFIG, HOME = "/", REGISTRY_AUTH_FILE, XDG_RUNTIME_DIR, XDG_CONFIG_HOME } = environment;
    const podman = REGISTRY_AUTH_FILE
      ? [REGISTRY_AUTH_FILE]
      : [
          ...(XDG_RUNTIME_DIR ? [join(XDG_RUNTIME_DIR, "containers/auth.json")] : []),
          join(XDG_CONFIG_HOME || join(HOME, ".config"), "containers/auth.json"),
        ];
    const own = join(DOCKER_CONFIG || join(HOME, ".docker"), "config.json");
    return new CredentialStore({ own, fallbacks: podman }, environment);
  }

  /** Where credentials go that no helper takes. */
  get path(): string {
    return this.#file.path;
  }

  /** The credentials for what a reference names; undefined if there are none. */
  async find(reference: Pick<Reference, "registry" | "repository">): Promise<RegistryAuth | undefined> {
    for (const file of [this.#file, ...this.#fallbacks]) {
      const found = await this.#findIn(file, reference);
      if (found !== undefined) return { ...found, serveraddress: serverOfRegistry(reference.registry) };
    }
    return undefined;
  }

  /** The credentials for a registry as a whole. */
  findRegistry(registry: string): Promise<RegistryAuth | undefined> {
    return this.find({ registry, repository: "" });
  }

  async #findIn(
    file: CredentialFile,
    reference: Pick<Reference, "registry" | "repository">,
  ): Promise<RegistryAuth | undefined> {
    const { auths, keys } = file;
    // The most special first: podman's file has credentials for parts of a registry, too.
    for (const key of keysFor(reference).flatMap((key) => spellings(key, keys))) {
      const helper = isServer(key) ? file.helperFor(key) : undefined;
      const found = helper === undefined ? readAuth(auths[key]) : await this.#ask(helper, key);
      if (found !== undefined) return found;
    }
    // Files of old have whole addresses.
    const old = Object.keys(auths).find((key) => isAddress(key) && isFor(key, reference.registry));
    return old === undefined || file.helperFor(old) !== undefined ? undefined : readAuth(auths[old]);
  }

  async #ask(helper: string, server: string): Promise<RegistryAuth | undefined> {
    const answer = await credentialHelper(helper, this.#environment).get(server);
    if (answer === undefined) return undefined;
    const { username, secret } = answer;
    return username === TOKEN_USER ? { identitytoken: secret } : { username, password: secret };
  }

  /** Keeps credentials. @returns whether they lie readable in a file, unencrypted. */
  async store(registry: string, auth: RegistryAuth): Promise<{ readonly isPlain: boolean }> {
    const server = serverOfRegistry(registry);
    const { username = "", password = "", identitytoken } = auth;
    const helper = this.#file.helperFor(server);
    if (helper === undefined) {
      const token = identitytoken ? { identitytoken } : {};
      this.#file.set(server, { auth: Buffer.from(`${username}:${password}`).toString("base64"), ...token });
      return { isPlain: true };
    }
    const answer = identitytoken ? { username: TOKEN_USER, secret: identitytoken } : { username, secret: password };
    await credentialHelper(helper, this.#environment).store(server, answer);
    // Docker notes there which servers have some.
    this.#file.set(server, {});
    return { isPlain: false };
  }

  /** Forgets credentials, under all spellings that `find` would take for the registry's. @returns whether there were any. */
  async erase(registry: string): Promise<boolean> {
    const known = Object.keys(this.#file.auths).filter((key) => isServer(key) && isFor(key, registry));
    const removed = this.#file.remove(known);
    // Helpers know a server by what `store` called it.
    for (const server of new Set(removed.map((key) => serverOfRegistry(registryOfServer(key))))) {
      const helper = this.#file.helperFor(server);
      if (helper !== undefined) await credentialHelper(helper, this.#environment).erase(server);
    }
    return removed.length > 0;
  }
}

/** True for a whole address, as `https://index.docker.io/v1/`. */
function isAddress(key: string): boolean {
  return key.includes("://");
}

/** True for what is no part of a registry only. */
function isServer(key: string): boolean {
  return isAddress(key) || !key.includes("/");
}

function isFor(key: string, registry: string): boolean {
  return isSameRegistry(registryOfServer(key), registry);
}

/** A key as the reference has it, then those of the file that mean the same. */
function spellings(key: string, known: readonly string[]): readonly string[] {
  if (isAddress(key)) return [key];
  const name = withComparableHost(key);
  return [...new Set([key, ...known.filter((other) => !isAddress(other) && withComparableHost(other) === name)])];
}

function keysFor(reference: Pick<Reference, "registry" | "repository">): readonly string[] {
  const parts = reference.repository === "" ? [reference.registry] : formatRepository(reference).split("/");
  const paths = parts.map((_, index) => parts.slice(0, parts.length - index).join("/"));
  return [...new Set([...paths.slice(0, -1), serverOfRegistry(reference.registry), reference.registry])];
}

function readAuth(stored: StoredAuth | undefined): RegistryAuth | undefined {
  if (stored === undefined) return undefined;
  const { identitytoken, registrytoken } = stored;
  const [, user = "", secret = ""] =
    /^([^:]*):(.*)$/s.exec(
      Buffer.from(stored.auth ?? "", "base64")
        .toString("utf8")
        .replace(/\0+$/, ""),
    ) ?? [];
  const username = stored.username || user;
  const password = stored.password || secret;
  if (registrytoken) return { registrytoken };
  if (identitytoken) return { identitytoken };
  return username === "" ? undefined : { username, password };
}
