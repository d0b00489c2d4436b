import { randomBytes, randomUUID } from "node:crypto";
import { uptime } from "node:os";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import type {
  RegistryNotice,
  RegistryUpkeepNotice,
  RegistryUpkeepRequest,
  ServeRegistryRequest,
} from "../api/registry.ts";
import { isLoopbackRegistry } from "../distribution/client/registries.ts";
import { EventOutbox } from "../distribution/notifications/event-outbox.ts";
import { openRepositories, type Repositories } from "../distribution/repositories/repositories.ts";
import { STORE_PROOF_HEADER } from "../distribution/repositories/store-proof.ts";
import { repairFromUpstream } from "../distribution/upkeep/repair-from-upstream.ts";
import { Upkeep } from "../distribution/upkeep/upkeep.ts";
import { DEFAULT_UPKEEP, type UpkeepConfig } from "../distribution/upkeep/upkeep-config.ts";
import type { UpstreamCache } from "../distribution/upstream/upstream-cache.ts";
import { parseListenAddress } from "../doors/registry/listen/listen-address.ts";
import { GantryError } from "../errors/gantry-error.ts";
import type { Digest } from "../oci/digest.ts";
import type { Reference } from "../oci/reference.ts";
import { isBareAddress } from "./bare-address.ts";
import { type RegistryConfig, readRegistryConfig } from "./registry-config.ts";
import type { RegistryServiceParts } from "./registry-service-parts.ts";
import { performUpkeep } from "./registry-upkeep.ts";
import { UpkeepSettings } from "./upkeep-settings.ts";

export interface ServeOptions {
  /**
   * What `registryConfigOf` made of the request, for whoever needed it before: a file that is read twice may say two things.
   * @default read now
   */
  readonly config?: RegistryConfig;
}

/** A door that is open. */
export interface OpenRegistry extends AsyncDisposable {
  /** `HOST:PORT` */
  readonly address: string;
  readonly metricsAddress?: string;
}

/** The registry of a root: its repositories, and the doors that are opened to them. */
export class RegistryService implements AsyncDisposable {
  readonly #parts: RegistryServiceParts;
  readonly #repositories: Repositories;
  readonly #outbox: EventOutbox;
  /** The doors that are open, each with its address. */
  readonly #open = new Map<AsyncDisposable, string>();
  readonly #caches = new Set<UpstreamCache>();
  readonly #settings = new UpkeepSettings();
  readonly #upkeep: Upkeep;
  #isKept = false;

  constructor(parts: RegistryServiceParts) {
    const { root, state, content } = parts;
    this.#parts = parts;
    this.#outbox = new EventOutbox(state);
    const uploadsDirectory = join(root, "uploads");
    const settings = this.#settings;
    const repositories = openRepositories({
      state,
      content,
      uploadsDirectory,
      randomId: randomUUID,
      graceMs: () => settings.graceMs(),
      storeKey: randomBytes(32),
    });
    this.#repositories = repositories;
    this.#upkeep = new Upkeep({
      ...parts,
      repositories,
      config: () => settings.read(),
      uptimeMs: () => uptime() * 1000,
      repair: (digest) => repairFromUpstream(digest, { state, caches: this.#caches }),
    });
  }

  /**
   * Opens a door, until it is disposed.
   *
   * @param tell is given what the operator should see.
   * @throws `invalid-argument`, `unavailable`
   */
  async serve(
    request: ServeRegistryRequest,
    tell: (notice: RegistryNotice) => void,
    options: ServeOptions = {},
  ): Promise<OpenRegistry> {
    const config = options.config ?? registryConfigOf(request);
    requireStorage(config, this.#parts);
    const { Config } = request;
    // Its grace period holds from the first request on; what it takes away, only once its door is open.
    if (Config !== undefined) this.#settings.note(config.upkeep ?? DEFAULT_UPKEEP);
    // Loaded for those who serve: a daemon that does not is smaller without it.
    const { openRegistryDoor } = await import("./open-registry-door.ts");
    const opened = new AsyncDisposableStack();
    try {
      const addresses = await openRegistryDoor(
        config,
        {
          ...this.#parts,
          repositories: this.#repositories,
          counters: this.#upkeep.counters,
          caches: this.#caches,
          outbox: this.#outbox,
          tell,
        },
        opened,
      );
      if (Config !== undefined) this.#settings.use(Config);
      this.#open.set(opened, addresses.address);
      opened.defer(() => void this.#open.delete(opened));
      this.#keep();
      return { ...addresses, [Symbol.asyncDispose]: () => opened.disposeAsync() };
    } catch (error) {
      await opened.disposeAsync();
      throw error;
    }
  }

  /** What is served is looked after, from the first door on. */
  #keep(): void {
    if (!this.#isKept) this.#upkeep.start();
    this.#isKept = true;
  }

  /** Looks after what is kept, now. */
  async upkeep(
    request: RegistryUpkeepRequest,
    options: { readonly tell: (notice: RegistryUpkeepNotice) => void; readonly signal: AbortSignal },
  ): Promise<void> {
    const readConfig = (path: string | undefined): UpkeepConfig => this.#settings.read(path);
    await performUpkeep(this.#upkeep, request, { ...options, readConfig });
  }

  /**
   * What shows a registry that a blob is in this very store, if one of our doors is that registry; see `StoreProof`. Only for addresses of
   * this host itself.
   */
  proofFor(target: Reference, digest: Digest): readonly [string, string] | undefined {
    const port = /:(\d+)$/.exec(target.registry)?.[1];
    const isOurs = [...this.#open.values()].some((address) => address.endsWith(`:${port}`));
    if (port === undefined || !isOurs || !isLoopbackRegistry(target.registry)) return undefined;
    const proof = this.#repositories.storeProof.of(target.repository, digest);
    return proof === undefined ? undefined : [STORE_PROOF_HEADER, proof];
  }

  /** Closes every door, and ends upkeep. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#open.keys()].map((opened) => opened[Symbol.asyncDispose]()));
    await this.#repositories.uploads[Symbol.asyncDispose]();
    await this.#upkeep[Symbol.asyncDispose]();
    this.#outbox[Symbol.dispose]();
  }
}

/** What the file says, and before it what the request says. */
export function registryConfigOf(request: ServeRegistryRequest): RegistryConfig {
  const { Config, Listen, AllowSparse, Access, ExternalUrl } = request;
  if (ExternalUrl !== undefined && !isBareAddress(ExternalUrl)) {
    throw new GantryError("invalid-argument", `${JSON.stringify(ExternalUrl)} is no address of a registry`, {
      hint: "write it without a path, as https://registry.example.org",
    });
  }
  return {
    ...(Config === undefined ? {} : readRegistryConfig(Config)),
    ...(Listen === undefined ? {} : { listen: parseListenAddress(Listen) }),
    ...(AllowSparse === undefined ? {} : { allowsSparse: AllowSparse }),
    ...(Access === undefined ? {} : { access: Access }),
    ...(ExternalUrl === undefined ? {} : { externalUrl: ExternalUrl }),
  };
}

/** A root has one storage, taken before anything is served: an engine's has files. */
function requireStorage({ storage }: RegistryConfig, parts: RegistryServiceParts): void {
  if (storage === undefined || isDeepStrictEqual(storage, parts.storage)) return;
  throw new GantryError(
    "unsupported",
    `an engine keeps blobs in files, those in ${parts.root} too, and none in the bucket ${storage.bucket}`,
    {
      hint: "serve [storage.s3] with `gantry registry serve` and a --root of its own, which no engine has",
    },
  );
}
