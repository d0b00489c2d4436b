import { randomBytes } from "node:crypto";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describeDoor } from "../api/describe-door.ts";
import type { RegistryNotice, ServeRegistryRequest } from "../api/registry.ts";
import { ContentStore } from "../content/content-store.ts";
import { REGISTRY_ROOTS } from "../distribution/repositories/registry-roots.ts";
import { dockerRoutes } from "../doors/docker/docker-routes.ts";
import { type DockerDoor, serveDocker } from "../doors/docker/serve-docker.ts";
import { createEngine, hostCgroups, hostSecurity, readHostFacts } from "../engine/index.ts";
import { formatError } from "../errors/gantry-error.ts";
import { HostPacker } from "../image/from-host.ts";
import { Images } from "../image/images.ts";
import { LayerStore } from "../image/layer-store.ts";
import { Puller } from "../image/pull.ts";
import { Pusher } from "../image/push.ts";
import { SnapshotStore } from "../image/snapshot-store.ts";
import { LayerWorkers } from "../image/unpack/layer-workers.ts";
import { detectCgroups } from "../linux/cgroupfs/index.ts";
import { SqliteNetworkRecords } from "../network/network-records.ts";
import { NetworkStack } from "../network/network-stack.ts";
import { relayStarter } from "../network/spawn-relay.ts";
import { readHelperBinary } from "../platform/helper-binary.ts";
import { monotonicUs } from "../platform/monotonic-clock.ts";
import { readBootId } from "../platform/process-identity.ts";
import { releaseMemory } from "../platform/release-memory.ts";
import { parseAvailableCapabilities } from "../runtime/capabilities/index.ts";
import { State } from "../state/state.ts";
import { Supervisor } from "../supervise/index.ts";
import { TraceStore } from "../trace/trace-store.ts";
import { VolumeStore } from "../volume/index.ts";
import { describeHost, describeVersion } from "./describe-host.ts";
import { readHostResolvConf } from "./host-resolv-conf.ts";
import type { Locations } from "./locations.ts";
import { MIGRATIONS } from "./migrations.ts";
import { openRegistryConnections } from "./open-registry-connections.ts";
import { keepOffProxies } from "./proxies.ts";
import { trustGate } from "./pull-gate.ts";
import { QuietMoments } from "./quiet-moments.ts";
import { RegistryService } from "./registry-service.ts";
import { remoteRegistries } from "./remote-registries.ts";
import { hashRoot } from "./root-hash.ts";

export interface OpenDaemonOptions {
  /** Tells the operator one sentence. */
  readonly warn: (sentence: string) => void;
}

/** Everything a daemon is made of, put together. Disposing it lets go of the host; containers go on. */
export interface Daemon extends AsyncDisposable {
  /**
   * Opens the doors.
   *
   * @param registry the registry's too, as this says. @default not before a command asks for it
   */
  serve(registry?: ServeRegistryRequest): Promise<void>;
}

/** What a registry that serves for as long as the daemon has to say: lines of logs are printed, all else is told. */
function tellOperator(notice: RegistryNotice, warn: (sentence: string) => void): void {
  if (notice.kind === "log") process.stdout.write(`${notice.line}\n`);
  else if (notice.kind === "warning") warn(notice.sentence);
}

/**
 * The one place that knows all concrete parts (STYLE, habit 3): opens them from the bottom up, takes up what still runs, and
 * removes what is left over. The caller holds the lock of the root.
 */
export async function openDaemon(locations: Locations, options: OpenDaemonOptions): Promise<Daemon> {
  await using parts = new AsyncDisposableStack();
  const { root } = locations;
  const { warn } = options;
  keepOffProxies();
  mkdirSync(root, { recursive: true, mode: 0o711 });
  const rootHash = hashRoot(root);
  const clock = { nowNs: () => BigInt(Math.round((performance.timeOrigin + performance.now()) * 1e6)) };
  const random = (count: number): Uint8Array => randomBytes(count);
  const registries = openRegistryConnections();

  const state = parts.use(State.open(join(root, "state.db"), { migrations: MIGRATIONS, now: Date.now }));
  const content = parts.use(ContentStore.open({ directory: join(root, "content"), state, roots: REGISTRY_ROOTS }));
  const registry = parts.use(new RegistryService({ root, state, content, registries, warn }));
  const workers = parts.use(new LayerWorkers());
  const snapshots = await SnapshotStore.open({ directory: join(root, "snapshots"), state, workers });
  const layers = new LayerStore({ content, snapshots, workers });
  const defaultRegistry = () => registries.defaultRegistry;
  const images = new Images({
    state,
    content,
    snapshots,
    layers,
    workers,
    defaultRegistry,
    puller: new Puller({ state, content, layers, registries, gate: trustGate(process.env.GANTRY_TRUST) }),
    pusher: new Pusher({
      state,
      content,
      registries,
      storeProof: (target, digest) => registry.proofFor(target, digest),
    }),
    hostPacker: new HostPacker({ state, content, layers, defaultRegistry }),
  });

  const supervisor = new Supervisor({
    helperBytes: await readHelperBinary(),
    fallbackDirectory: join(root, "bin"),
    bootId: readBootId(),
    nowNs: clock.nowNs,
  });
  parts.defer(() => supervisor.close());
  const network = parts.use(
    new NetworkStack({
      records: new SqliteNetworkRecords(state.db),
      rootHash,
      now: Date.now,
      startRelay: relayStarter(supervisor.helperPath),
      warn,
    }),
  );
  await network.open();
  const cgroups = detectCgroups();
  const security = hostSecurity();
  const volumes = new VolumeStore({ directory: join(root, "volumes"), state, clock, randomBytes: random });
  const engine = createEngine({
    root,
    stateDirectory: locations.state,
    database: state,
    images,
    network,
    volumes,
    supervisor,
    cgroups: hostCgroups(cgroups, { rootHash }),
    host: readHostFacts(),
    security,
    clock,
    randomBytes: random,
    bootId: readBootId(),
    capabilities: parseAvailableCapabilities(readFileSync("/proc/self/status", "utf8")),
    readResolvConf: readHostResolvConf,
    warn,
  });
  parts.defer(() => engine.close());
  await engine.recover();

  const traces = new TraceStore(monotonicUs);
  const quiet = parts.use(new QuietMoments(releaseMemory));
  let door: DockerDoor | undefined;
  let collection: Promise<void> = Promise.resolve();
  parts.defer(() => collection);
  parts.defer(() => door?.close());
  const owned = parts.move();
  return {
    async serve(request) {
      door = await serveDocker({
        socketPath: locations.socketPath,
        routes: dockerRoutes({
          engine,
          images,
          registries: remoteRegistries(registries),
          events: state.events,
          networks: network,
          volumes,
          registry,
          traces,
          version: describeVersion,
          info: () => describeHost({ root, id: rootHash, cgroups, security }),
          now: Date.now,
        }),
        traces,
        onRequest: () => quiet.stir(),
        serverName: `gantry/${describeVersion().Version} (linux)`,
        warn,
      });
      if (request !== undefined) {
        const { address, metricsAddress } = await registry.serve(request, (notice) => tellOperator(notice, warn));
        warn(describeDoor({ kind: "listening", address, ...(metricsAddress === undefined ? {} : { metricsAddress }) }));
      }
      // What a pull left that was killed, or a removal that was: nobody waits for that.
      collection = images.collect().then(
        () => {},
        (error) => warn(`cannot remove what no image needs any more: ${formatError(error)}`),
      );
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
