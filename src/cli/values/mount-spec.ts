import { isAbsolute } from "node:path";
import type { Mount } from "../../api/host-config.ts";
import { parseCommaSeparated } from "./comma-separated.ts";
import { type PathStart, resolveHostPath } from "./host-path.ts";
import { parseMemorySize } from "./memory-size.ts";

type Writable<T> = { -readonly [Key in keyof T]: T[Key] };

/** A mount while its fields are read. */
interface Draft {
  mount: Writable<Mount>;
  bind: Writable<NonNullable<Mount["BindOptions"]>>;
  volume: Writable<NonNullable<Mount["VolumeOptions"]>>;
  labels: Record<string, string>;
  tmpfs: Writable<NonNullable<Mount["TmpfsOptions"]>>;
}

/** Keys that may stand alone, meaning true. */
const SWITCHES: readonly string[] = ["readonly", "ro", "volume-nocopy", "bind-create-src", "bind-nonrecursive"];

function parseSwitch(key: string, value: string | undefined): boolean {
  if (value === undefined || value === "1" || value === "true") return true;
  if (value === "0" || value === "false") return false;
  throw new Error(
    `invalid value for '${key}': invalid boolean value (${JSON.stringify(value)}): must be one of "true", "1", "false", or "0" (default "true")`,
  );
}

function parseRecursion(value: string, bind: Draft["bind"]): void {
  if (value === "disabled") bind.NonRecursive = true;
  else if (value === "writable") bind.ReadOnlyNonRecursive = true;
  else if (value === "readonly") bind.ReadOnlyForceRecursive = true;
  else if (value !== "enabled") {
    throw new Error(
      `invalid value for bind-recursive: ${value} (must be "enabled", "disabled", "writable", or "readonly")`,
    );
  }
}

function parseTmpfsMode(value: string): number {
  if (!/^[0-7]{1,5}$/.test(value)) throw new Error(`invalid value for tmpfs-mode: ${value}`);
  return Number.parseInt(value, 8);
}

function parseTmpfsSize(value: string): number {
  try {
    return parseMemorySize(value);
  } catch {
    throw new Error(`invalid value for tmpfs-size: ${value}`);
  }
}

const notThere = (key: string): never => {
  throw new Error(`unsupported: ${key} is not there yet`);
};

/** What each key does. `value` is the empty string only for a switch that stands alone. */
const KEYS: Readonly<Record<string, (draft: Draft, value: string, raw: string | undefined) => void>> = {
  type: (draft, value) => {
    draft.mount.Type = value.toLowerCase();
  },
  source: (draft, value) => {
    draft.mount.Source = value;
  },
  target: (draft, value) => {
    draft.mount.Target = value;
  },
  readonly: (draft, _, raw) => {
    draft.mount.ReadOnly = parseSwitch("readonly", raw);
  },
  consistency: (draft, value) => {
    draft.mount.Consistency = value.toLowerCase();
  },
  "bind-propagation": (draft, value) => {
    draft.bind.Propagation = value.toLowerCase();
  },
  // The older word for bind-recursive=disabled.
  "bind-nonrecursive": (draft, _, raw) => {
    draft.bind.NonRecursive = parseSwitch("bind-nonrecursive", raw);
  },
  "bind-recursive": (draft, value) => parseRecursion(value, draft.bind),
  "bind-create-src": (draft, _, raw) => {
    draft.bind.CreateMountpoint = parseSwitch("bind-create-src", raw);
  },
  "volume-nocopy": (draft, _, raw) => {
    draft.volume.NoCopy = parseSwitch("volume-nocopy", raw);
  },
  "volume-label": (draft, value) => {
    const equals = value.indexOf("=");
    draft.labels[equals < 0 ? value : value.slice(0, equals)] = equals < 0 ? "" : value.slice(equals + 1);
  },
  "volume-subpath": () => notThere("volume-subpath"),
  "volume-driver": (_, value) => (value === "local" ? undefined : notThere(`volume-driver=${value}`)),
  "volume-opt": () => notThere("volume-opt"),
  "image-subpath": () => notThere("image-subpath"),
  "tmpfs-size": (draft, value) => {
    draft.tmpfs.SizeBytes = parseTmpfsSize(value);
  },
  "tmpfs-mode": (draft, value) => {
    draft.tmpfs.Mode = parseTmpfsMode(value);
  },
};

const ALIASES: Readonly<Record<string, string>> = {
  src: "source",
  dst: "target",
  destination: "target",
  ro: "readonly",
};

function readField(draft: Draft, field: string): void {
  const equals = field.indexOf("=");
  const key = equals < 0 ? field : field.slice(0, equals);
  const raw = equals < 0 ? undefined : field.slice(equals + 1);
  if (key.trim() !== key) {
    throw new Error(`invalid option '${key.trim()}' in '${field}': option should not have whitespace`);
  }
  if (raw !== undefined && raw.trim() === "") throw new Error(`invalid value for '${key}': value is empty`);
  if (raw !== undefined && raw.trim() !== raw) {
    throw new Error(`invalid value for '${key}' in '${field}': value should not have whitespace`);
  }
  const lower = key.toLowerCase();
  if (raw === undefined && !SWITCHES.includes(lower)) {
    throw new Error(`invalid field '${field}' must be a key=value pair`);
  }
  const name = Object.hasOwn(ALIASES, lower) ? (ALIASES[lower] ?? lower) : lower;
  const read = Object.hasOwn(KEYS, name) ? KEYS[name] : undefined;
  if (read === undefined) throw new Error(`unknown option '${lower}' in '${field}'`);
  read(draft, raw ?? "", raw);
}

const isEmpty = (value: object): boolean => Object.keys(value).length === 0;

function finish({ mount, bind, volume, labels, tmpfs }: Draft): Mount {
  const type = mount.Type ?? "volume";
  if (mount.Target === undefined) throw new Error("target is required");
  if (type !== "bind" && type !== "volume" && type !== "tmpfs") {
    throw new Error(
      ["image", "npipe", "cluster"].includes(type)
        ? `unsupported: mounts of type ${type} are not there yet`
        : `invalid mount type ${JSON.stringify(type)}: must be bind, volume or tmpfs`,
    );
  }
  if (!isEmpty(labels)) volume.Labels = labels;
  if (!isEmpty(bind) && type !== "bind") throw new Error(`cannot mix 'bind-*' options with mount type '${type}'`);
  if (!isEmpty(volume) && type !== "volume") throw new Error(`cannot mix 'volume-*' options with mount type '${type}'`);
  if (!isEmpty(tmpfs) && type !== "tmpfs") throw new Error(`cannot mix 'tmpfs-*' options with mount type '${type}'`);
  if (type === "bind" && mount.Source === undefined) throw new Error("source is required for a mount of type bind");
  if (type === "tmpfs" && mount.Source !== undefined) throw new Error("a mount of type tmpfs has no source");
  return {
    ...mount,
    Type: type,
    ...(isEmpty(bind) ? {} : { BindOptions: bind }),
    ...(isEmpty(volume) ? {} : { VolumeOptions: volume }),
    ...(isEmpty(tmpfs) ? {} : { TmpfsOptions: tmpfs }),
  };
}

/**
 * Reads one `--mount type=bind,source=/a,target=/b,readonly`. The type's default is `volume`.
 *
 * @throws in Docker's words (docker/cli, `opts/mount.go`).
 */
export function parseMountSpec(text: string): Mount {
  const trimmed = text.trim();
  if (trimmed === "") throw new Error("value is empty");
  const draft: Draft = { mount: {}, bind: {}, volume: {}, labels: {}, tmpfs: {} };
  for (const field of parseCommaSeparated(trimmed)) readField(draft, field);
  return finish(draft);
}

/** A mount whose source is relative (`./x`), made absolute as the working folder has it. */
export function resolveMountSource(mount: Mount, start: PathStart): Mount {
  const source = mount.Source;
  if (source === undefined || isAbsolute(source) || !source.startsWith(".")) return mount;
  return { ...mount, Source: resolveHostPath(source, start) };
}
