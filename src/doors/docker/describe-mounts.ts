import type { MountPoint } from "../../api/container.ts";
import type { StringSet } from "../../api/container-config.ts";
import type { Mount } from "../../api/host-config.ts";
import type { Container } from "../../engine/container/container.ts";
import type { MountConfig } from "../../engine/container/container-config.ts";

/** `Mounts` of lists and inspect: what is mounted, but for `--tmpfs`, which Docker tells of in `HostConfig.Tmpfs` alone. */
export function describeMountPoints(container: Container): readonly MountPoint[] {
  const asked = container.config.mounts ?? [];
  const isElsewhere = describeAskedMounts(asked).Tmpfs ?? {};
  const mounts = container.mounts.filter(({ type, target }) => type !== "tmpfs" || !(target in isElsewhere));
  return mounts.map((mount) => ({
    Type: mount.type,
    ...(mount.name === undefined ? {} : { Name: mount.name }),
    Source: mount.type === "tmpfs" ? "" : mount.source,
    Destination: mount.target,
    ...(mount.type === "volume" ? { Driver: "local" } : {}),
    Mode: modeOf(asked.find(({ target }) => target === mount.target)),
    RW: !mount.readOnly,
    Propagation: mount.type === "bind" ? mount.propagation : "",
  }));
}

/** What stood behind the second colon of `-v`; Docker gives volumes with a name an option of SELinux without being asked. */
function modeOf(asked: MountConfig | undefined): string {
  if (asked?.type === "bind" && asked.createSource)
    return formatOptions([asked.readOnly ? "ro" : "", asked.propagation, relabelOption(asked)]);
  if (asked?.type === "volume" && asked.name !== undefined) return asked.readOnly ? "ro" : "z";
  return "";
}

function relabelOption(mount: MountConfig & { readonly type: "bind" }): string {
  if (mount.relabel === undefined) return "";
  return mount.relabel === "shared" ? "z" : "Z";
}

/** What was asked for, told back in the form in which Docker's clients ask for it. */
export interface AskedMounts {
  readonly Binds: readonly string[] | null;
  readonly Mounts?: readonly Mount[];
  readonly Tmpfs?: Readonly<Record<string, string>>;
  /** Of the portable half. */
  readonly Volumes: StringSet | null;
}

export function describeAskedMounts(mounts: readonly MountConfig[]): AskedMounts {
  const binds: string[] = [];
  const others: Mount[] = [];
  const tmpfs: Record<string, string> = {};
  const volumes: Record<string, Record<string, never>> = {};
  for (const mount of mounts) {
    if (mount.type === "tmpfs" && mount.sizeBytes === undefined && mount.mode === undefined) {
      tmpfs[mount.target] = (mount.options ?? []).join(",");
    } else if (mount.type === "bind" && mount.createSource && mount.nonRecursive !== true) {
      const options = [mount.readOnly ? "ro" : "", mount.propagation ?? "", relabelOption(mount)];
      binds.push(formatBind(mount.source, mount.target, options));
    } else if (mount.type === "volume" && mount.labels === undefined && mount.name !== undefined) {
      binds.push(
        formatBind(mount.name, mount.target, [mount.readOnly ? "ro" : "", mount.noCopy === true ? "nocopy" : ""]),
      );
    } else if (mount.type === "volume" && mount.name === undefined && mount.labels === undefined && !mount.readOnly) {
      volumes[mount.target] = {};
    } else others.push(formatMount(mount));
  }
  return {
    Binds: binds.length === 0 ? null : binds,
    ...(others.length === 0 ? {} : { Mounts: others }),
    ...(Object.keys(tmpfs).length === 0 ? {} : { Tmpfs: tmpfs }),
    Volumes: Object.keys(volumes).length === 0 ? null : volumes,
  };
}

function formatOptions(options: readonly (string | undefined)[]): string {
  return options.filter((option) => option !== undefined && option !== "").join(",");
}

function formatBind(source: string, target: string, options: readonly string[]): string {
  const given = formatOptions(options);
  return given === "" ? `${source}:${target}` : `${source}:${target}:${given}`;
}

function formatMount(mount: MountConfig): Mount {
  const common = {
    Type: mount.type,
    Target: mount.target,
    ...(mount.type !== "tmpfs" && mount.readOnly ? { ReadOnly: true } : {}),
  };
  switch (mount.type) {
    case "bind":
      return {
        ...common,
        Source: mount.source,
        BindOptions: {
          ...(mount.propagation === undefined ? {} : { Propagation: mount.propagation }),
          ...(mount.nonRecursive === true ? { NonRecursive: true } : {}),
          ...(mount.createSource ? { CreateMountpoint: true } : {}),
        },
      };
    case "volume":
      return {
        ...common,
        ...(mount.name === undefined ? {} : { Source: mount.name }),
        VolumeOptions: {
          ...(mount.noCopy === true ? { NoCopy: true } : {}),
          ...(mount.labels === undefined ? {} : { Labels: mount.labels }),
        },
      };
    case "tmpfs":
      return {
        ...common,
        ...(mount.options?.includes("ro") === true ? { ReadOnly: true } : {}),
        TmpfsOptions: {
          ...(mount.sizeBytes === undefined ? {} : { SizeBytes: mount.sizeBytes }),
          ...(mount.mode === undefined ? {} : { Mode: mount.mode }),
        },
      };
  }
}
