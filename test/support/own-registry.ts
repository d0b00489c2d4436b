import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { RegistryUpkeepNotice, RegistryUpkeepRequest } from "../../src/api/registry.ts";
import type { BucketStorage } from "../../src/content/bucket/bucket-storage.ts";
import { ContentStore } from "../../src/content/content-store.ts";
import { MIGRATIONS } from "../../src/daemon/migrations.ts";
import { openRegistryConnections } from "../../src/daemon/open-registry-connections.ts";
import { RegistryService } from "../../src/daemon/registry-service.ts";
import { REGISTRY_ROOTS } from "../../src/distribution/repositories/registry-roots.ts";
import { State } from "../../src/state/state.ts";
import { blobsFolder, openTestStorage, testBucket } from "./bucket-root.ts";

export interface OwnRegistryOptions {
  /** @default false */
  readonly allowsSparse?: boolean;
  /** Where it keeps everything; it is left alone at the end. @default a folder of its own */
  readonly root?: string;
  /** A `registry.toml`. @default none */
  readonly config?: string;
  /** Milliseconds since 1970. @default the real time */
  readonly now?: () => number;
}

interface OpenedRoot {
  readonly root: string;
  readonly state: State;
  readonly storage?: BucketStorage;
}

async function openRoot(options: OwnRegistryOptions): Promise<OpenedRoot> {
  const root = options.root ?? mkdtempSync(join(tmpdir(), "gantry-own-registry-"));
  const state = State.open(join(root, "state.db"), { migrations: MIGRATIONS, now: options.now ?? Date.now });
  return { root, state, ...(await openTestStorage(root, state)) };
}

/** Gantry's registry on a loopback port, in this process. Where its blobs are, see `openTestStorage`. */
export class OwnRegistry implements AsyncDisposable {
  /** True where tests keep their blobs in a bucket. */
  static readonly isInBucket = testBucket() !== undefined;
  readonly root: string;
  readonly state: State;
  readonly content: ContentStore;
  /** What the operator was told. */
  readonly warnings: string[] = [];
  readonly #service: RegistryService;
  readonly #storage: BucketStorage | undefined;
  readonly #isOwnRoot: boolean;
  #host = "";

  private constructor(options: OwnRegistryOptions, opened: OpenedRoot) {
    this.#isOwnRoot = options.root === undefined;
    this.root = opened.root;
    this.state = opened.state;
    const directory = join(this.root, "content");
    this.#storage = opened.storage;
    const bytes = opened.storage === undefined ? {} : { storage: opened.storage };
    this.content = ContentStore.open({ directory, state: this.state, roots: REGISTRY_ROOTS, ...bytes });
    const { root, state, content } = this;
    const warn = (sentence: string): void => void this.warnings.push(sentence);
    this.#service = new RegistryService({ root, state, content, registries: openRegistryConnections(), warn });
  }

  static async start(options: OwnRegistryOptions = {}): Promise<OwnRegistry> {
    const registry = new OwnRegistry(options, await openRoot(options));
    const request = {
      Listen: "127.0.0.1:0",
      AllowSparse: options.allowsSparse ?? false,
      ...(options.config === undefined ? {} : { Config: options.config }),
    };
    const { address } = await registry.#service.serve(request, (notice) => {
      if (notice.kind === "warning") registry.warnings.push(notice.sentence);
    });
    registry.#host = address;
    return registry;
  }

  /** `127.0.0.1:PORT` */
  get host(): string {
    return this.#host;
  }

  get port(): number {
    return Number(this.#host.split(":")[1]);
  }

  get url(): string {
    return `http://${this.#host}`;
  }

  /** The blobs that are where blobs are, whether or not there is a row of them. */
  stored(): readonly string[] {
    const folder = blobsFolder(this.root);
    return ["sha256", "sha512"].flatMap((algorithm) =>
      listFolder(join(folder, algorithm)).map((name) => `${algorithm}:${name}`),
    );
  }

  /** A task of upkeep. @returns what was told */
  async upkeep(request: RegistryUpkeepRequest): Promise<readonly RegistryUpkeepNotice[]> {
    const notices: RegistryUpkeepNotice[] = [];
    const { signal } = new AbortController();
    await this.#service.upkeep(request, { tell: (notice) => void notices.push(notice), signal });
    return notices;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#service[Symbol.asyncDispose]();
    await this.content[Symbol.asyncDispose]();
    await this.#storage?.[Symbol.asyncDispose]();
    this.state.close();
    if (this.#isOwnRoot) rmSync(this.root, { recursive: true, force: true });
  }
}

/** A bucket has no folder of what it has none of. */
function listFolder(path: string): readonly string[] {
  return existsSync(path) ? readdirSync(path) : [];
}
