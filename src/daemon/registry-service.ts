import { randomBytes, randomUUID } from "node:crypto";
import { join } from "node:path";
import type { RegistryNotice, ServeRegistryRequest } from "../api/registry.ts";
import type { ContentStore } from "../content/content-store.ts";
import { deliverEvents } from "../distribution/notifications/deliver-events.ts";
import { EventOutbox } from "../distribution/notifications/event-outbox.ts";
import type { EventSource } from "../distribution/notifications/format-envelope.ts";
import type { NotificationEndpoint } from "../distribution/notifications/parse-notifications.ts";
import { openRepositories, type Repositories } from "../distribution/repositories/repositories.ts";
import { formatListenAddress, parseListenAddress } from "../doors/registry/listen-address.ts";
import { formatAccessLine } from "../doors/registry/observation.ts";
import { RegistryMetrics } from "../doors/registry/registry-metrics.ts";
import { serveMetrics } from "../doors/registry/serve-metrics.ts";
import { serveRegistry } from "../doors/registry/serve-registry.ts";
import { formatError, GantryError } from "../errors/gantry-error.ts";
import { openAccess } from "../identity/index.ts";
import type { State } from "../state/state.ts";
import { accessPath } from "./access-path.ts";
import { openLineLog } from "./line-log.ts";
import { isExternalUrl, type RegistryConfig, readRegistryConfig } from "./registry-config.ts";

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
  readonly metricsAddress?: string;
}

type Tell = (notice: RegistryNotice) => void;

/** Nobody else's before its owner says so: without users everybody who can connect may do everything. */
const DEFAULT_LISTEN = "127.0.0.1:5000";

/** The registry of a root: its repositories, and the doors that are opened to them. */
export class RegistryService implements AsyncDisposable {
  readonly #parts: RegistryServiceParts;
  readonly #repositories: Repositories;
  readonly #outbox: EventOutbox;
  readonly #open = new Set<AsyncDisposable>();

  constructor(parts: RegistryServiceParts) {
    const { root, state, content } = parts;
    this.#parts = parts;
    this.#outbox = new EventOutbox(state);
    const uploadsDirectory = join(root, "uploads");
    this.#repositories = openRepositories({ state, content, uploadsDirectory, randomId: randomUUID });
  }

  /**
   * Opens a door, until it is disposed.
   *
   * @param tell is given what the operator should see.
   * @throws `invalid-argument`, `unavailable`
   */
  async serve(request: ServeRegistryRequest, tell: Tell): Promise<OpenRegistry> {
    const config = configOf(request);
    const opened = new AsyncDisposableStack();
    try {
      const addresses = await this.#openParts(config, tell, opened);
      this.#open.add(opened);
      opened.defer(() => void this.#open.delete(opened));
      return { ...addresses, [Symbol.asyncDispose]: () => opened.disposeAsync() };
    } catch (error) {
      await opened.disposeAsync();
      throw error;
    }
  }

  async #openParts(
    config: RegistryConfig,
    tell: Tell,
    opened: AsyncDisposableStack,
  ): Promise<{ readonly address: string; readonly metricsAddress?: string }> {
    const { root, state } = this.#parts;
    const { externalUrl, tls, allowsSparse = false, notifications = [] } = config;
    const warn = (sentence: string): void => tell({ kind: "warning", sentence });
    const log = (path: string | undefined): ((line: string) => void) | undefined => {
      if (path === undefined) return undefined;
      return path === "-" ? (line) => tell({ kind: "log", line }) : opened.use(openLineLog(path, warn)).write;
    };
    const audit = log(config.auditLog);
    const accessLog = log(config.accessLog);
    const access = await openAccess({
      path: config.access ?? accessPath(root),
      folder: root,
      state,
      service: externalUrl === undefined ? "gantry-registry" : new URL(externalUrl).host,
      randomBytes,
      warn,
      ...(audit === undefined ? {} : { audit }),
    });
    const metrics = new RegistryMetrics({
      uploads: () => this.#repositories.uploads.count,
      residentBytes: () => process.memoryUsage.rss(),
    });
    const door = opened.use(
      await serveRegistry({
        listen: config.listen ?? parseListenAddress(DEFAULT_LISTEN),
        ...(tls === undefined ? {} : { tls }),
        repositories: this.#repositories,
        access,
        settings: { allowsSparse, ...(externalUrl === undefined ? {} : { externalUrl }) },
        now: () => performance.timeOrigin + performance.now(),
        randomId: randomUUID,
        ...(notifications.length === 0 ? {} : { outbox: this.#outbox }),
        observe: (observation) => {
          metrics.observe(observation);
          accessLog?.(formatAccessLine(observation));
        },
        warn,
      }),
    );
    const address = formatListenAddress(door.address);
    opened.use(this.#deliver(notifications, { address, instanceId: randomUUID() }, warn));
    if (config.metricsListen === undefined) return { address };
    const page = opened.use(await serveMetrics({ listen: config.metricsListen, metrics }));
    return { address, metricsAddress: formatListenAddress(page.address) };
  }

  /** Tells endpoints what happens, until disposed. */
  #deliver(
    endpoints: readonly NotificationEndpoint[],
    source: EventSource,
    warn: (sentence: string) => void,
  ): AsyncDisposable {
    const end = new AbortController();
    const { signal } = end;
    const delivering = endpoints.map((endpoint) =>
      deliverEvents({ outbox: this.#outbox, endpoint, source, warn, signal }).catch((error) =>
        warn(`notifications: ${endpoint.name} is told no more: ${formatError(error)}`),
      ),
    );
    return {
      async [Symbol.asyncDispose]() {
        end.abort();
        await Promise.all(delivering);
      },
    };
  }

  /** Closes every door. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#open].map((opened) => opened[Symbol.asyncDispose]()));
    this.#outbox[Symbol.dispose]();
  }
}

/** What the file says, and before it what the request says. */
function configOf(request: ServeRegistryRequest): RegistryConfig {
  const { Config, Listen, AllowSparse, Access, ExternalUrl } = request;
  if (ExternalUrl !== undefined && !isExternalUrl(ExternalUrl)) {
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
