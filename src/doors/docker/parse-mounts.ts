import type { CreateContainerRequest } from "../../api/container-config.ts";
import type { Mount } from "../../api/host-config.ts";
import type { MountConfig } from "../../engine/container/container-config.ts";
import { GantryError } from "../../errors/gantry-error.ts";
import { BIND_OPTIONS_FIELDS, MOUNT_FIELDS, TMPFS_OPTIONS_FIELDS, VOLUME_OPTIONS_FIELDS } from "./create-fields.ts";
import { checkFields, type FieldProblem } from "./field-rules.ts";

/** Every field of `HostConfig.Mounts`. */
export function checkMountFields(host: Readonly<Record<string, unknown>>): readonly FieldProblem[] {
  if (!Array.isArray(host.Mounts)) return [];
  return host.Mounts.flatMap((mount: unknown, index): readonly FieldProblem[] => {
    if (typeof mount !== "object" || mount === null) return [];
    const path = `HostConfig.Mounts[${index}].`;
    const { BindOptions, VolumeOptions, TmpfsOptions } = mount as Record<string, unknown>;
    const inner = (value: unknown, table: Parameters<typeof checkFields>[1], name: string): readonly FieldProblem[] =>
      typeof value === "object" && value !== null && !Array.isArray(value)
        ? checkFields(value as Record<string, unknown>, table, `${path}${name}.`)
        : [];
    return [
      ...checkFields(mount as Record<string, unknown>, MOUNT_FIELDS, path),
      ...inner(BindOptions, BIND_OPTIONS_FIELDS, "BindOptions"),
      ...inner(VolumeOptions, VOLUME_OPTIONS_FIELDS, "VolumeOptions"),
      ...inner(TmpfsOptions, TMPFS_OPTIONS_FIELDS, "TmpfsOptions"),
    ];
  });
}

/** Everything that a request mounts: `-v` (`Binds`, `Volumes`), `--mount`, `--tmpfs`. */
export function parseMounts(request: CreateContainerRequest): readonly MountConfig[] {
  const { Binds, Mounts, Tmpfs } = request.HostConfig ?? {};
  const mounts: MountConfig[] = [
    ...(Binds ?? []).map(parseBind),
    ...(Mounts ?? []).map(parseMount),
    ...Object.entries(Tmpfs ?? {}).map(
      ([target, options]): MountConfig => ({
        type: "tmpfs",
        target,
        options: options.split(",").filter((option) => option !== ""),
      }),
    ),
  ];
  const targets = new Set(mounts.map(({ target }) => target));
  for (const target of Object.keys(request.Volumes ?? {})) {
    // `-v /data` and something mounted at /data by name: the latter is meant, as with Docker.
    if (!targets.has(target)) mounts.push({ type: "volume", target, readOnly: false });
  }
  return mounts;
}

const PROPAGATIONS: readonly string[] = ["private", "rprivate", "shared", "rshared", "slave", "rslave"];

/** `source:target[:options]`, where a source with a slash is a path of the host, and one without a volume's name. */
function parseBind(text: string): MountConfig {
  const parts = text.split(":");
  const [source = "", target = "", options = ""] = parts;
  if (parts.length > 3 || parts.length < 2 || source === "" || target === "") {
    throw new GantryError("invalid-argument", `invalid volume specification: '${text}'`);
  }
  let readOnly = false;
  let propagation: string | undefined;
  let noCopy = false;
  let relabel: "shared" | "private" | undefined;
  for (const option of options === "" ? [] : options.split(",")) {
    if (option === "ro" || option === "rw") readOnly = option === "ro";
    else if (PROPAGATIONS.includes(option)) propagation = option;
    else if (option === "nocopy") noCopy = true;
    else if (option === "z" || option === "Z") {
      const wanted = option === "z" ? "shared" : "private";
      if (relabel !== undefined && relabel !== wanted)
        throw new GantryError("invalid-argument", `invalid mode: z and Z cannot be used together in '${text}'`);
      relabel = wanted;
    }
    // For file sharing of Docker Desktop.
    else if (option === "cached" || option === "delegated" || option === "consistent") continue;
    else throw new GantryError("invalid-argument", `invalid mode: ${options} in the volume specification '${text}'`);
  }
  if (source.startsWith("/")) {
    if (noCopy) throw new GantryError("invalid-argument", `invalid mode: nocopy is for volumes, not for '${text}'`);
    return {
      type: "bind",
      source,
      target,
      readOnly,
      createSource: true,
      ...(relabel === undefined ? {} : { relabel }),
      ...(propagation === undefined ? {} : { propagation }),
    };
  }
  if (propagation !== undefined) {
    throw new GantryError(
      "invalid-argument",
      `invalid mode: ${propagation} is for paths of the host, not for '${text}'`,
    );
  }
  return { type: "volume", name: source, target, readOnly, ...(noCopy ? { noCopy } : {}) };
}

function parseMount(mount: Mount): MountConfig {
  const { Type = "", Source = "", Target: target = "", ReadOnly: readOnly = false } = mount;
  if (target === "") throw invalid("field Target must not be empty");
  switch (Type) {
    case "bind": {
      if (Source === "") throw invalid("field Source must not be empty");
      refuseForeignOptions(mount, "BindOptions");
      const options = mount.BindOptions ?? {};
      const { Propagation: propagation = "" } = options;
      if (propagation !== "" && !PROPAGATIONS.includes(propagation)) {
        throw invalid(`invalid propagation mode: ${propagation}`);
      }
      return {
        type: "bind",
        source: Source,
        target,
        readOnly,
        createSource: options.CreateMountpoint ?? false,
        ...(propagation === "" ? {} : { propagation }),
        ...(options.NonRecursive === true ? { nonRecursive: true } : {}),
      };
    }
    case "volume": {
      refuseForeignOptions(mount, "VolumeOptions");
      const options = mount.VolumeOptions ?? {};
      return {
        type: "volume",
        target,
        readOnly,
        ...(Source === "" ? {} : { name: Source }),
        ...(options.NoCopy === true ? { noCopy: true } : {}),
        ...(options.Labels ? { labels: options.Labels } : {}),
      };
    }
    case "tmpfs": {
      if (Source !== "") throw invalid("field Source must not be specified");
      refuseForeignOptions(mount, "TmpfsOptions");
      const { SizeBytes: sizeBytes = 0, Mode: mode = 0 } = mount.TmpfsOptions ?? {};
      return {
        type: "tmpfs",
        target,
        ...(sizeBytes === 0 ? {} : { sizeBytes }),
        ...(mode === 0 ? {} : { mode }),
        ...(readOnly ? { options: ["ro"] } : {}),
      };
    }
    case "":
      throw invalid("mount type is not specified");
    case "image":
    case "cluster":
    case "npipe":
      throw new GantryError("unsupported", `--mount type=${Type} is not there yet`);
    default:
      throw invalid(`mount type unknown: ${JSON.stringify(Type)}`);
  }
}

const OPTION_FIELDS = ["BindOptions", "VolumeOptions", "TmpfsOptions"] as const;

function refuseForeignOptions(mount: Mount, own: (typeof OPTION_FIELDS)[number]): void {
  for (const field of OPTION_FIELDS) {
    if (field !== own && mount[field]) throw invalid(`field ${field} must not be specified for a ${mount.Type} mount`);
  }
}

function invalid(why: string): GantryError {
  return new GantryError("invalid-argument", `invalid mount config: ${why}`);
}
