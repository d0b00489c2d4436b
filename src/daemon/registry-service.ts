import { randomUUID } from "node:crypto";
import { join } from "node:path";
import type { RegistryNotice, ServeRegistryRequest } from "../api/registry.ts";
import type { ContentStore } from "../content/content-store.ts";
import { openRepositories } from "../distribution/repositories/repositories.ts";
import { formatListenAddress, parseListenAddress } from "../doors/registry/listen-address.ts";
import { serveRegistry } from "../doors/registry/serve-registry.ts";
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
  readonly #repositories: ReturnType<typeof openRepositories>;
  readonly #open = new Set<OpenRegistry>();

  constructor({ root, state, content }: RegistryServiceParts) {
    const uploadsDirectory = join(root, "uploads");
    this.#repositories = openRepositories({ state, content, uploadsDirectory, randomId: randomUUID });
  }

  /**
   * Opens a door, until it is disposed.
   *
   * @param tell is given what the operator should see.
   * @throws `invalid-argument`, `unavailable`
   */
  serve(request: ServeRegistryRequest, tell: (notice: RegistryNotice) => void): OpenRegistry {
    const door = serveRegistry({
      listen: parseListenAddress(request.Listen),
      repositories: this.#repositories,
      settings: { allowsSparse: request.AllowSparse ?? false },
      warn: (sentence) => tell({ kind: "warning", sentence }),
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
