import { GantryError } from "../../errors/gantry-error.ts";
import { DEFAULT_PROFILE } from "../../linux/security/default-profile.ts";
import {
  changeSelinuxLabel,
  levelOf,
  parseSelinuxLabel,
  type SelinuxLabel,
} from "../../linux/security/selinux-label.ts";
import type { EngineSecurity } from "../dependencies.ts";
import type { ContainerConfig } from "./container-config.ts";
import { parseNamespaceMode } from "./namespace-mode.ts";

/** What mandatory access control makes of a container; decided when it is created, and remembered. */
export interface Confinement {
  /** `""` where there is no AppArmor. */
  readonly appArmorProfile: string;
  /** `""`: the daemon's own. */
  readonly processLabel: string;
  /** Of the root and all else that is mounted for it; `""` where there are no labels. */
  readonly mountLabel: string;
}

export interface ConfinementFacts {
  readonly security: Pick<EngineSecurity, "facts" | "labels">;
  /** The container whose processes or System V objects are shared. */
  readonly partner?: Confinement | undefined;
  readonly isLevelTaken: (level: string) => boolean;
  readonly randomBytes: (count: number) => Uint8Array;
}

/** Of files that no confined container may have, whatever its categories: those of containers without labels. */
const NOBODYS_LEVEL = "s0:c1022,c1023";

/** @throws `unsupported` for what this kernel does not have, `invalid-argument` for an option that there is not. */
export function planConfinement(config: ContainerConfig, facts: ConfinementFacts): Confinement {
  return { appArmorProfile: planProfile(config, facts), ...planContainerLabels(config, facts) };
}

function planProfile({ security = {} }: ContainerConfig, { security: host }: ConfinementFacts): string {
  const { appArmorProfile: wanted = "" } = security;
  if (!host.facts.apparmor) {
    if (wanted === "" || wanted === "unconfined") return "";
    throw new GantryError("unsupported", `--security-opt apparmor=${wanted}: AppArmor is not enabled in this kernel`);
  }
  return wanted || (security.privileged === true ? "unconfined" : DEFAULT_PROFILE);
}

type Labels = Pick<Confinement, "processLabel" | "mountLabel">;

function planContainerLabels(config: ContainerConfig, facts: ConfinementFacts): Labels {
  const { security = {}, namespaces = {} } = config;
  const options = security.labels ?? [];
  const { labels } = facts.security;
  const isDisabled = options.includes("disable") || (security.privileged === true && options.length === 0);
  if (labels === undefined) {
    if (options.length === 0 || options.includes("disable")) return { processLabel: "", mountLabel: "" };
    throw new GantryError(
      "unsupported",
      `--security-opt label=${options[0]}: SELinux is not enabled in this kernel, or its policy has no labels for containers`,
    );
  }
  const isHosts = [namespaces.pid, namespaces.ipc].some((mode) => {
    const parsed = parseNamespaceMode(mode, "private");
    return parsed.kind === "plain" && parsed.name === "host";
  });
  if (isDisabled || (isHosts && options.length === 0)) {
    const mountLabel = changeSelinuxLabel(labels.file, { level: NOBODYS_LEVEL });
    return { processLabel: labels.unconfined ?? "", mountLabel };
  }
  const asked = parseOptions(options);
  // Who shares processes or memory with another could not use either with categories of its own.
  if (facts.partner !== undefined && facts.partner.mountLabel !== "" && options.length === 0) {
    const { processLabel, mountLabel } = facts.partner;
    return { processLabel, mountLabel };
  }
  const level = asked.level ?? freeLevel(facts);
  const { type, role, user, filetype } = asked;
  return {
    processLabel: changeSelinuxLabel(labels.process, withoutUndefined({ user, role, type, level })),
    mountLabel: changeSelinuxLabel(labels.file, withoutUndefined({ user, type: filetype, level })),
  };
}

type LabelOptions = Partial<Record<"user" | "role" | "type" | "level" | "filetype", string>>;

/** `type:svirt_t` and its like, the later of two wins. */
function parseOptions(options: readonly string[]): LabelOptions {
  const parsed: LabelOptions = {};
  for (const option of options) {
    const [, name, value] = /^(user|role|type|level|filetype):([^\s"\\]+)$/.exec(option) ?? [];
    if (name === undefined || value === undefined)
      throw new GantryError("invalid-argument", `invalid --security-opt: "label=${option}"`, {
        hint: "there are label=disable, and user, role, type, level and filetype like label=type:svirt_t",
      });
    parsed[name as keyof LabelOptions] = value;
  }
  return parsed;
}

function withoutUndefined(
  parts: { readonly [Part in keyof SelinuxLabel]?: string | undefined },
): Partial<SelinuxLabel> {
  return Object.fromEntries(Object.entries(parts).filter(([, value]) => value !== undefined));
}

function freeLevel({ isLevelTaken, randomBytes }: ConfinementFacts): string {
  for (let attempt = 0; attempt < 10_000; attempt++) {
    const level = levelOf(randomBytes(4));
    if (level !== NOBODYS_LEVEL && !isLevelTaken(level)) return level;
  }
  throw new GantryError("exhausted", "no pair of SELinux categories is left for another container");
}

/** The label of files that all containers may use. */
export function sharedLabel(mountLabel: string): string {
  return changeSelinuxLabel(mountLabel, { level: "s0" });
}

/** The level that a container has for itself; `undefined` without labels. */
export function levelOfContainer(confinement: Confinement | undefined): string | undefined {
  return confinement === undefined || confinement.mountLabel === ""
    ? undefined
    : parseSelinuxLabel(confinement.mountLabel).level;
}
