import { existsSync, mkdirSync, statSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join, posix } from "node:path";
import { GantryError, isGantryError } from "../../errors/gantry-error.ts";
import { formatPlatform, parsePlatform } from "../../oci/platform.ts";
import { planLandlock } from "../../runtime/landlock/plan-landlock.ts";
import { inSpan, NO_TRACE, type Trace } from "../../trace/trace.ts";
import { LayeredTree } from "../../volume/layered-tree.ts";
import type { EngineImage } from "../dependencies.ts";
import type { EngineContext } from "../engine-context.ts";
import { Undo } from "../undo.ts";
import { newConfinement } from "./confine-start.ts";
import type { ContainerId, MountPoint } from "./container.ts";
import type { ContainerConfig, MountConfig } from "./container-config.ts";
import { nameConflict, parseContainerName, randomContainerName } from "./container-name.ts";
import { type ContainerRecord, holderOf } from "./container-record.ts";
import { requireCapabilityNames, requireSeccomp } from "./container-security.ts";
import { parseSignal } from "./container-signal.ts";
import { discardLimits } from "./discard-limits.ts";
import { mergeImageConfig } from "./merge-image-config.ts";
import { normalTarget } from "./mount-target.ts";
import { parseNamespaceMode, parseNetworkMode } from "./namespace-mode.ts";
import { volumeUsers } from "./remove-container.ts";
import { validateContainerConfig } from "./validate-container-config.ts";

/**
 * Records a container and prepares what it needs. On disk when it resolves (unless it removes itself); if it fails, nothing
 * of it is left.
 */
export async function createContainer(
  context: EngineContext,
  asked: ContainerConfig,
  options: { readonly name?: string; readonly trace?: Trace },
): Promise<{ readonly id: ContainerId; readonly warnings: readonly string[] }> {
  const { parts } = context;
  const { trace = NO_TRACE } = options;
  validateContainerConfig(asked, parts.host);
  const { config, warnings } = discardLimits(asked, parts.cgroups.version);
  requireCapabilityNames(config.security);
  requireSeccomp(config.security, parts.host);
  refuseUnknownNetwork(config);
  requireRelabel(context, config);
  const id = newId(context);
  using _name = reserveName(context, options.name, id);
  const image = await inSpan(trace, "resolve the image", () => resolveImage(context, config));
  const effective = mergeImageConfig(config, image.config.config ?? {}, {
    defaultHostname: defaultHostname(context, config, id),
  });
  parseSignal(effective.stopSignal);
  const args = [...effective.entrypoint, ...effective.command];
  if (args.length === 0) {
    throw new GantryError("invalid-argument", "No command specified", { hint: "the image names none either" });
  }
  planLandlock(config.annotations, parts.security.facts.landlockAbi);
  const confinement = newConfinement(context, config);
  const undo = new Undo();
  try {
    const snapshot = await inSpan(trace, "see to its layers", () => parts.images.ensureSnapshot(image));
    const files = context.paths.files(id);
    undo.push(() => rm(files.directory, { recursive: true, force: true }));
    makeFolders(context, id);
    const tree = new LayeredTree(snapshot.lower);
    const mounts = await prepareMounts(context, { id, config, imageVolumes: effective.volumes, tree, undo });
    const record: ContainerRecord = {
      id,
      name: nameOf(context, id),
      config,
      image: { id: image.id, manifestDigest: image.manifestDigest, platform: formatPlatform(image.platform) },
      args,
      effective,
      createdAtNs: parts.clock.nowNs(),
      createdInBoot: parts.bootId,
      state: { status: "created", pid: 0, exitCode: 0, oomKilled: false, error: "" },
      mounts: mounts.points,
      confinement,
      network: { mode: config.network?.mode || "bridge" },
      warnings: [...warnings, ...planWarnings(config)],
      snapshot,
      anonymousVolumes: mounts.anonymous,
    };
    using _span = trace.span("record it");
    undo.push(() => context.records.delete(id, [], () => parts.images.release(holderOf(id))));
    context.records.insert(record, [context.event(record, "create")], () => {
      parts.images.hold(holderOf(id), image);
      parts.volumes.settle(mounts.points.flatMap((point) => point.name ?? []));
    });
    requireLayers(record);
    undo.forget();
    return { id, warnings: record.warnings };
  } catch (error) {
    await undo.run(context.warnOf(`cannot clean up after container ${id}`));
    throw error;
  }
}

function resolveImage(context: EngineContext, config: ContainerConfig): EngineImage {
  const platform = config.platform === undefined ? {} : { platform: parsePlatform(config.platform) };
  return context.parts.images.resolve(config.image, platform);
}

/** Between the unpacking and the hold somebody may have removed the image. */
function requireLayers(record: ContainerRecord): void {
  if (record.snapshot.lower.every((layer) => existsSync(layer))) return;
  throw new GantryError("not-found", `No such image: ${record.config.image}`, { hint: "it was just removed" });
}

/** 64 hexadecimal digits; its first 12 are nobody else's and no number, since they serve as a name and a host name. */
function newId(context: EngineContext): ContainerId {
  for (;;) {
    const id = Buffer.from(context.parts.randomBytes(32)).toString("hex");
    const short = id.slice(0, 12);
    const isTaken = context.records.list().some((record) => record.id.startsWith(short));
    if (!isTaken && !/^[0-9]+$/.test(short)) return id as ContainerId;
  }
}

/** Holds a name until the row that has it is there. */
function reserveName(context: EngineContext, wanted: string | undefined, id: string): Disposable {
  const ownerOf = (name: string): string | undefined =>
    context.records.ownerOf(name) ?? context.reservedNames.get(name);
  let name: string;
  if (wanted !== undefined && wanted !== "") {
    name = parseContainerName(wanted);
    const owner = ownerOf(name);
    if (owner !== undefined) throw nameConflict(name, owner);
  } else {
    let attempt = 0;
    do name = randomContainerName(context.parts.randomBytes(4), attempt++);
    while (ownerOf(name) !== undefined);
  }
  context.reservedNames.set(name, id);
  return { [Symbol.dispose]: () => void context.reservedNames.delete(name) };
}

function nameOf(context: EngineContext, id: string): string {
  for (const [name, owner] of context.reservedNames) if (owner === id) return name;
  throw new GantryError("internal", `container ${id} has lost its name`);
}

/** The code of something else than the image that is not there: `not-found` has clients pull the image. */
const NOT_THE_IMAGE = "invalid-argument";

function refuseUnknownNetwork(config: ContainerConfig): void {
  const mode = parseNetworkMode(config.network?.mode);
  if (mode.kind === "plain" && !["bridge", "none", "host"].includes(mode.name)) {
    throw new GantryError(NOT_THE_IMAGE, `network ${mode.name} not found`, {
      hint: "there are bridge, host and none so far",
    });
  }
}

/** What the host needs keeps its labels, whatever is asked for. */
function requireRelabel(context: EngineContext, config: ContainerConfig): void {
  if (context.parts.security.labels === undefined) return;
  for (const mount of config.mounts ?? [])
    if (mount.type === "bind" && mount.relabel !== undefined) context.parts.security.checkRelabel(mount.source);
}

function defaultHostname(context: EngineContext, config: ContainerConfig, id: string): string {
  const network = parseNetworkMode(config.network?.mode);
  const isHostNetwork = network.kind === "plain" && network.name === "host";
  if (network.kind === "container") return findPartner(context, network.partner).effective.hostname;
  const uts = parseNamespaceMode(config.namespaces?.uts, "private");
  const isHostUts = uts.kind === "plain" && uts.name === "host";
  return isHostNetwork || isHostUts ? context.parts.host.hostname : id.slice(0, 12);
}

function findPartner(context: EngineContext, name: string): ContainerRecord {
  try {
    return context.records.resolve(name);
  } catch (error) {
    if (!isGantryError(error, "not-found")) throw error;
    throw new GantryError(NOT_THE_IMAGE, error.message, { cause: error });
  }
}

function planWarnings(config: ContainerConfig): readonly string[] {
  const mode = parseNetworkMode(config.network?.mode);
  const hasPorts = (config.network?.publish?.length ?? 0) > 0 || config.network?.publishAll === true;
  const isHost = mode.kind === "plain" && mode.name === "host";
  return isHost && hasPorts ? ["Published ports are discarded when using host network mode"] : [];
}

function makeFolders(context: EngineContext, id: string): void {
  const { log, directory } = context.paths.files(id);
  try {
    mkdirSync(directory, { recursive: true, mode: 0o710 });
    // Their modes show in the container: "upper" is its root folder.
    mkdirSync(context.paths.upper(id), { mode: 0o755 });
    // By this file programs tell that they are in a container, as Docker's have it.
    writeFileSync(join(context.paths.upper(id), ".dockerenv"), "", { mode: 0o755 });
    mkdirSync(context.paths.work(id), { mode: 0o711 });
    mkdirSync(log, { mode: 0o700 });
  } catch (cause) {
    throw new GantryError("unavailable", `cannot make the folder of container ${id}`, { cause });
  }
}

interface MountRequest {
  readonly id: string;
  readonly config: ContainerConfig;
  readonly imageVolumes: readonly string[];
  readonly tree: LayeredTree;
  readonly undo: Undo;
}

/** Decides where each mount comes from; makes volumes and fills new ones from the image. */
async function prepareMounts(
  context: EngineContext,
  request: MountRequest,
): Promise<{ readonly points: readonly MountPoint[]; readonly anonymous: readonly string[] }> {
  const own = (request.config.mounts ?? []).map((mount) => ({ ...mount, target: normalTarget(mount.target) }));
  const taken = new Set(own.map((mount) => mount.target));
  const fromImage = request.imageVolumes
    .map(normalTarget)
    .filter((target) => target.startsWith("/") && target !== "/" && !taken.has(target))
    .map((target): MountConfig => ({ type: "volume", target, readOnly: false }));
  const points: MountPoint[] = [];
  const anonymous: string[] = [];
  for (const mount of [...own, ...fromImage]) {
    if (mount.type === "tmpfs") {
      points.push({ type: "tmpfs", source: "", target: mount.target, readOnly: false, propagation: "" });
    } else if (mount.type === "bind") {
      points.push(prepareBind(mount));
    } else {
      points.push(await prepareVolume(context, mount, request, anonymous));
    }
  }
  return { points, anonymous };
}

function prepareBind(mount: MountConfig & { readonly type: "bind" }): MountPoint {
  const source = posix.normalize(mount.source);
  if (statSync(source, { throwIfNoEntry: false }) === undefined && !mount.createSource) {
    throw new GantryError(
      "invalid-argument",
      `invalid mount config for type "bind": bind source path does not exist: ${source}`,
    );
  }
  return {
    type: "bind",
    source,
    target: mount.target,
    readOnly: mount.readOnly,
    propagation: mount.propagation || "rprivate",
  };
}

async function prepareVolume(
  context: EngineContext,
  mount: MountConfig & { readonly type: "volume" },
  request: MountRequest,
  anonymous: string[],
): Promise<MountPoint> {
  const { volumes } = context.parts;
  const { volume, isNew } = volumes.create({
    ...(mount.name === undefined ? {} : { name: mount.name }),
    labels: mount.labels ?? {},
    pendingFor: request.id,
  });
  if (isNew) {
    request.undo.push(() => {
      const usedBy = volumeUsers(context, volume.name);
      return usedBy.length > 0 ? undefined : volumes.remove(volume.name, { force: true, usedBy });
    });
  }
  if (mount.name === undefined) anonymous.push(volume.name);
  if (mount.noCopy !== true) await volumes.populate(volume.name, request.tree, mount.target);
  return {
    type: "volume",
    name: volume.name,
    source: volume.mountpoint,
    target: mount.target,
    readOnly: mount.readOnly,
    propagation: "",
  };
}
