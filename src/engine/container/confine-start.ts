import { isGantryError } from "../../errors/gantry-error.ts";
import { DEFAULT_PROFILE } from "../../linux/security/default-profile.ts";
import { typeOf } from "../../linux/security/selinux-label.ts";
import type { EngineContext } from "../engine-context.ts";
import type { ContainerConfig } from "./container-config.ts";
import { type Confinement, levelOfContainer, planConfinement, sharedLabel } from "./container-confinement.ts";
import type { ContainerRecord } from "./container-record.ts";
import { normalTarget } from "./mount-target.ts";
import { parseNamespaceMode } from "./namespace-mode.ts";

/** Decides what a new container is confined by; its categories are nobody else's. */
export function newConfinement(context: EngineContext, config: ContainerConfig): Confinement {
  const { security, randomBytes } = context.parts;
  return planConfinement(config, {
    security,
    randomBytes,
    partner: partnerOf(context, config),
    isLevelTaken: (level) => context.records.list().some((one) => levelOfContainer(one.confinement) === level),
  });
}

function partnerOf(context: EngineContext, { namespaces = {} }: ContainerConfig): Confinement | undefined {
  for (const text of [namespaces.pid, namespaces.ipc]) {
    const mode = parseNamespaceMode(text, "private");
    if (mode.kind === "container") return find(context, mode.partner)?.confinement;
  }
  return undefined;
}

/** One that is not there is told where its namespace is joined. */
function find(context: EngineContext, name: string): ContainerRecord | undefined {
  try {
    return context.records.resolve(name);
  } catch (error) {
    if (isGantryError(error)) return undefined;
    throw error;
  }
}

/**
 * What a container is confined by at this start: its profile is loaded, its volumes are labelled. A host that was booted with
 * another module since, or an older daemon's container, is decided anew.
 */
export async function confineStart(context: EngineContext, record: ContainerRecord): Promise<Confinement> {
  const { security } = context.parts;
  const known = record.confinement;
  const hasLabels = known !== undefined && known.mountLabel !== "";
  const fresh = newConfinement(context, record.config);
  const labels = hasLabels === (security.labels !== undefined) ? (known ?? fresh) : fresh;
  let { appArmorProfile } = fresh;
  if (appArmorProfile === DEFAULT_PROFILE && !(await security.ensureDefaultProfile())) {
    context.warnOnce("containers run without an AppArmor profile: apparmor_parser, which loads it, is not installed");
    appArmorProfile = "unconfined";
  }
  if (labels.mountLabel !== "") {
    await labelLayers(context, record, labels.mountLabel);
    await labelMounts(context, record, labels.mountLabel);
  }
  return { appArmorProfile, processLabel: labels.processLabel, mountLabel: labels.mountLabel };
}

/**
 * The overlay shows all with the mount's label, but the kernel asks for that of the layer's own file when a program changes
 * the protection of what it has mapped (its loader does): that has to be one which containers may read.
 */
async function labelLayers(context: EngineContext, record: ContainerRecord, mountLabel: string): Promise<void> {
  const { security } = context.parts;
  const labelled = [
    ...record.snapshot.lower.map((layer) => [layer, security.labels?.readOnlyFile ?? mountLabel] as const),
    [context.paths.upper(record.id), mountLabel] as const,
  ];
  for (const [path, label] of labelled)
    if (typeOf(security.labelOf(path)) !== typeOf(label)) await security.relabel(path, label);
}

/** Volumes are for all containers; what is bound from the host is labelled only where that was asked for. */
async function labelMounts(context: EngineContext, record: ContainerRecord, mountLabel: string): Promise<void> {
  const { security } = context.parts;
  for (const mount of record.mounts) {
    if (mount.type === "volume") {
      const label = sharedLabel(mountLabel);
      if (security.labelOf(mount.source) !== label) await security.relabel(mount.source, label);
    } else if (mount.type === "bind") {
      const asked = record.config.mounts?.find((one) => normalTarget(one.target) === mount.target);
      if (asked?.type !== "bind" || asked.relabel === undefined) continue;
      security.checkRelabel(mount.source);
      await security.relabel(mount.source, asked.relabel === "shared" ? sharedLabel(mountLabel) : mountLabel);
    }
  }
}

/** Labels the files that are bound over those in /etc; a container in another's network shares them with it. */
export async function labelFiles(
  context: EngineContext,
  record: ContainerRecord,
  options: { readonly filesOf: string; readonly mountLabel: string },
): Promise<void> {
  if (options.mountLabel === "") return;
  const files = context.paths.files(options.filesOf);
  const label = options.filesOf === record.id ? options.mountLabel : sharedLabel(options.mountLabel);
  for (const path of [files.hosts, files.hostname, files.resolvConf]) await context.parts.security.relabel(path, label);
}
