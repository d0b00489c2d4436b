import { randomBytes, randomUUID } from "node:crypto";
import { join } from "node:path";
import type { RegistryNotice, ServeRegistryRequest } from "../api/registry.ts";
import type { ContentStore } from "../content/content-store.ts";
import { openRepositories, type Repositories } from "../distribution/repositories/repositories.ts";
import { formatListenAddress, parseListenAddress } from "../doors/registry/listen-address.ts";
import { serveRegistry } from "../doors/registry/serve-registry.ts";
import { GantryError } from "../errors/gantry-error.ts";
import { openAccess } from "../identity/index.ts";
import type { State } from "../state/state.ts";

export interface RegistryServiceParts {
  readonly root: string;
  readonly state: State;
  /** Opened with `REGISTRY_ROOTS`. */
  readonly content: ContentStore;
}

/** A door that is open. */
export interface OpenRegistry extends AsyncDisposable {
  /** `HOST:PORT` */
  readonly address: string;
}

/** The registry of a root: its repositories, and the doors that are opened to them. */
export class RegistryService implements AsyncDisposable {
  readonly #parts: RegistryServiceParts;
  readonly #repositories: Repositories;
  readonly #open = new Set<OpenRegistry>();

  constructor(parts: RegistryServiceParts) {
    const { root, state, content } = parts;
    this.#parts = parts;
    const uploadsDirectory = join(root, "uploads");
    this.#repositories = openRepositories({ state, content, uploadsDirectory, randomId: randomUUID });
  }

  /**
   * Opens a door, until it is disposed.
   *
   * @param tell is given what the operator should see.
   * @throws `invalid-argument`, `unavailable`
   */
  async serve(request: ServeRegistryRequest, tell: (notice: RegistryNotice) => void): Promise<OpenRegistry> {
    const { root, state } = this.#parts;
    const { Listen, AllowSparse = false, Access, ExternalUrl } = request;
    const listen = parseListenAddress(Listen);
    if (ExternalUrl !== undefined && !/^https?:\/\/[^/?#@\s]+$/.test(ExternalUrl)) {
      throw new GantryError("invalid-argument", `${JSON.stringify(ExternalUrl)} is no address of a registry`, {
        hint: "write it without a path, as https://registry.example.org",
      });
    }
    const warn = (sentence: string): void => tell({ kind: "warning", sentence });
    const access = await openAccess({
      path: Access ?? join(root, "access.toml"),
      folder: root,
      state,
      service: ExternalUrl === undefined ? "gantry-registry" : new URL(ExternalUrl).host,
      randomBytes,
      warn,
    });
    const door = serveRegistry({
      listen,
      repositories: this.#repositories,
      access,
      settings: { allowsSparse: AllowSparse, ...(ExternalUrl === undefined ? {} : { externalUrl: ExternalUrl }) },
      warn,
    });
    const opened: OpenRegistry = {
      address: formatListenAddress(door.address),
      [Symbol.asyncDispose]: async () => {
        this.#open.delete(opened);
        await door.close();
      },
    };
    this.#open.add(opened);
    return opened;
  }

  /** Closes every door. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#open].map((opened) => opened[Symbol.asyncDispose]()));
  }
}
