import { randomBytes, randomUUID } from "node:crypto";
import type { RegistryNotice } from "../api/registry.ts";
import { isLoopbackRegistry } from "../distribution/client/registries.ts";
import { deliverEvents } from "../distribution/notifications/deliver-events.ts";
import type { EventOutbox } from "../distribution/notifications/event-outbox.ts";
import type { EventSource } from "../distribution/notifications/format-envelope.ts";
import type { Repositories } from "../distribution/repositories/repositories.ts";
import type { UpkeepCounters } from "../distribution/upkeep/counters.ts";
import { UpstreamCache } from "../distribution/upstream/upstream-cache.ts";
import { formatAccessLine } from "../doors/registry/format-access-line.ts";
import { formatListenAddress, parseListenAddress } from "../doors/registry/listen/listen-address.ts";
import { serveMetrics } from "../doors/registry/listen/serve-metrics.ts";
import { serveRegistry } from "../doors/registry/listen/serve-registry.ts";
import { RegistryMetrics } from "../doors/registry/registry-metrics.ts";
import { formatError, GantryError } from "../errors/gantry-error.ts";
import { type Access, type Identity, openAccess } from "../identity/index.ts";
import { releaseMemory } from "../platform/release-memory.ts";
import { isPathTaken } from "../platform/text-file.ts";
import { accessPath } from "./access-path.ts";
import { openLineLog } from "./line-log.ts";
import { QuietMoments } from "./quiet-moments.ts";
import type { RegistryConfig } from "./registry-config.ts";
import type { RegistryServiceParts } from "./registry-service-parts.ts";

export interface OpenRegistryDoorParts extends RegistryServiceParts {
  readonly repositories: Repositories;
  /** What upkeep has done. */
  readonly counters: Readonly<UpkeepCounters>;
  readonly outbox: EventOutbox;
  /** Takes what copies other registries, for as long as the door is open. */
  readonly caches: Set<UpstreamCache>;
  /** Is given what the operator should see. */
  readonly tell: (notice: RegistryNotice) => void;
}

/** Nobody else's before its owner says so: without users everybody who can connect may do everything. */
const DEFAULT_LISTEN = "127.0.0.1:5000";

const ANONYMOUS: Identity = { name: undefined, groups: [], method: "anonymous", address: "" };

/**
 * Puts a registry's door together, as its configuration says: rights, copies of other registries, logs, metrics, notifications.
 *
 * @param opened takes everything that has to be closed.
 * @throws `invalid-argument`, `unavailable`
 */
export async function openRegistryDoor(
  config: RegistryConfig,
  parts: OpenRegistryDoorParts,
  opened: AsyncDisposableStack,
): Promise<{ readonly address: string; readonly metricsAddress?: string }> {
  requireRights(config);
  const { repositories, outbox } = parts;
  const { externalUrl, tls, allowsSparse = false, notifications = [], upstreams = [] } = config;
  const warn = (sentence: string): void => parts.tell({ kind: "warning", sentence });
  const writeAccess = openLog(config.accessLog, parts, opened);
  const metrics = new RegistryMetrics({
    uploads: () => repositories.uploads.known.count,
    notificationsPending: () => outbox.pending(notifications),
    residentBytes: () => process.memoryUsage.rss(),
    upkeep: parts.counters,
  });
  const now = (): number => performance.timeOrigin + performance.now();
  const access = await openRights(config, parts, openLog(config.auditLog, parts, opened));
  const isPublic = (name: string): boolean => access.visible(ANONYMOUS, [name]).length > 0;
  const copying = { ...parts, rules: upstreams, now, isPublic, warn };
  const cache = upstreams.length === 0 ? undefined : new UpstreamCache(copying);
  if (cache !== undefined) {
    parts.caches.add(cache);
    opened.defer(() => void parts.caches.delete(cache));
  }
  const quiet = opened.use(new QuietMoments(releaseMemory));
  const door = opened.use(
    await serveRegistry({
      listen: config.listen ?? parseListenAddress(DEFAULT_LISTEN),
      ...(tls === undefined ? {} : { tls }),
      repositories,
      access,
      settings: { allowsSparse, ...(externalUrl === undefined ? {} : { externalUrl }) },
      now,
      randomId: randomUUID,
      ...(cache === undefined ? {} : { cache }),
      ...(notifications.length === 0 ? {} : { outbox }),
      observe: (observation) => {
        quiet.stir();
        metrics.observe(observation);
        writeAccess?.(formatAccessLine(observation));
      },
      warn,
    }),
  );
  const address = formatListenAddress(door.address);
  if (access.mayEnter(ANONYMOUS) && !isLoopbackRegistry(address)) {
    const rules = config.access ?? accessPath(parts.root);
    warn(
      `everybody who reaches ${address} may pull, push and delete (add users with \`gantry registry user add --access ${rules} NAME\`)`,
    );
  }
  opened.use(deliverAll(config, { outbox, source: { address, instanceId: randomUUID() }, warn }));
  if (config.metricsListen === undefined) return { address };
  const page = opened.use(await serveMetrics({ listen: config.metricsListen, metrics }));
  return { address, metricsAddress: formatListenAddress(page.address) };
}

type WriteLine = (line: string) => void;

function openLog(
  path: string | undefined,
  { tell }: OpenRegistryDoorParts,
  opened: AsyncDisposableStack,
): WriteLine | undefined {
  if (path === undefined) return undefined;
  if (path === "-") return (line) => tell({ kind: "log", line });
  return opened.use(openLineLog(path, (sentence) => tell({ kind: "warning", sentence }))).write;
}

/** Before anything is made for the door. */
function requireRights({ access }: RegistryConfig): void {
  if (access !== undefined && !isPathTaken(access)) {
    throw new GantryError("invalid-argument", `there is no ${access}: without it everybody could do everything`, {
      hint: `begin it with \`gantry registry user add --access ${access} NAME\`, or name no file if everybody may`,
    });
  }
}

async function openRights(
  { access, externalUrl }: RegistryConfig,
  { root, state, tell }: OpenRegistryDoorParts,
  audit: WriteLine | undefined,
): Promise<Access> {
  return await openAccess({
    path: access ?? accessPath(root),
    folder: root,
    state,
    service: externalUrl === undefined ? "gantry-registry" : new URL(externalUrl).host,
    randomBytes,
    warn: (sentence) => tell({ kind: "warning", sentence }),
    ...(audit === undefined ? {} : { audit }),
  });
}

interface DeliverAllParts {
  readonly outbox: EventOutbox;
  readonly source: EventSource;
  readonly warn: (sentence: string) => void;
}

/** Tells every endpoint what happens, until disposed. */
function deliverAll({ notifications = [] }: RegistryConfig, parts: DeliverAllParts): AsyncDisposable {
  const end = new AbortController();
  const { signal } = end;
  const delivering = notifications.map((endpoint) =>
    deliverEvents({ ...parts, endpoint, signal }).catch((error) =>
      parts.warn(`notifications: ${endpoint.name} is told no more: ${formatError(error)}`),
    ),
  );
  return {
    async [Symbol.asyncDispose]() {
      end.abort();
      await Promise.all(delivering);
    },
  };
}
