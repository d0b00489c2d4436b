import { GantryError } from "../errors/gantry-error.ts";
import type { Descriptor, Platform } from "./image.ts";

/** Node's names of architectures → Go's, which the OCI specifications use. */
const NODE_ARCHITECTURES: Readonly<Record<string, string>> = {
  x64: "amd64",
  ia32: "386",
  mipsel: "mipsle",
  ppc64: "ppc64le",
};

const OPERATING_SYSTEMS: ReadonlySet<string> = new Set([
  ...["aix", "android", "darwin", "dragonfly", "freebsd", "hurd", "illumos", "ios", "js", "linux", "nacl", "netbsd"],
  ...["openbsd", "plan9", "solaris", "windows", "zos"],
]);

const ARCHITECTURES: ReadonlySet<string> = new Set([
  ...["386", "amd64", "amd64p32", "arm", "armbe", "arm64", "arm64be", "ppc64", "ppc64le", "loong64", "mips", "mipsle"],
  ...["mips64", "mips64le", "mips64p32", "mips64p32le", "ppc", "riscv", "riscv64", "s390", "s390x", "sparc", "sparc64"],
  "wasm",
]);

/**
 * The platform of this host: Linux, on the architecture that this program was built for.
 *
 * @param nodeArchitecture as in `process.arch`.
 */
export function hostPlatform(nodeArchitecture: string = process.arch): Platform {
  return normalizePlatform({ os: "linux", architecture: NODE_ARCHITECTURES[nodeArchitecture] ?? nodeArchitecture });
}

function normalizeArchitecture(architecture: string, variant: string): readonly [string, string] {
  switch (architecture) {
    case "i386":
      return ["386", ""];
    case "x86_64":
    case "x86-64":
    case "amd64":
      return ["amd64", variant === "v1" ? "" : variant];
    case "aarch64":
    case "arm64":
      return ["arm64", variant === "8" || variant === "v8" ? "" : variant];
    case "armhf":
      return ["arm", "v7"];
    case "armel":
      return ["arm", "v6"];
    case "arm":
      if (variant === "") return ["arm", "v7"];
      return ["arm", /^[5-8]$/.test(variant) ? `v${variant}` : variant];
    default:
      return [architecture, variant];
  }
}

/** One spelling for each platform: `x86_64` is amd64, `aarch64` and arm64/v8 are arm64, arm is arm/v7 (as containerd does). */
export function normalizePlatform(platform: Platform): Platform {
  const os = platform.os.toLowerCase();
  const [architecture, variant] = normalizeArchitecture(
    platform.architecture.toLowerCase(),
    (platform.variant ?? "").toLowerCase(),
  );
  const { variant: _variant, ...rest } = platform;
  return { ...rest, os: os === "macos" ? "darwin" : os, architecture, ...(variant === "" ? {} : { variant }) };
}

/**
 * Reads what `--platform` takes: `linux/arm64`, `linux/arm/v7`, `arm64`, `linux`.
 *
 * @throws `invalid-argument` for what cannot be a platform.
 */
export function parsePlatform(text: string, host: Platform = hostPlatform()): Platform {
  const parts = text.split("/", 4);
  const isWellFormed = parts.length <= 3 && parts.every((part) => /^[A-Za-z0-9_.-]+$/.test(part));
  const [first = "", second, variant] = parts;
  if (isWellFormed) {
    if (second !== undefined) {
      return normalizePlatform({ os: first, architecture: second, ...(variant === undefined ? {} : { variant }) });
    }
    const asOs = normalizePlatform({ ...host, os: first });
    if (OPERATING_SYSTEMS.has(asOs.os)) return asOs;
    const asArchitecture = normalizePlatform({ os: host.os, architecture: first });
    if (ARCHITECTURES.has(asArchitecture.architecture)) return asArchitecture;
  }
  const problem = isWellFormed ? "unknown operating system or architecture" : "cannot parse platform specifier";
  throw new GantryError("invalid-argument", `${JSON.stringify(text)}: ${problem}: invalid argument`, {
    hint: "a platform is OS/ARCHITECTURE[/VARIANT], as in linux/arm64 or linux/arm/v7",
  });
}

/** `linux/arm/v7`; without `os.version` and features. */
export function formatPlatform(platform: Platform): string {
  return [platform.os, platform.architecture, platform.variant]
    .filter((part) => part !== undefined && part !== "")
    .join("/");
}

function withVariant(platform: Platform, variant: string): Platform {
  return normalizePlatform({ ...platform, variant });
}

function olderArm(platform: Platform): Platform[] {
  const version = Number(/^v(\d)$/.exec(platform.variant ?? "")?.[1] ?? 0);
  const older: Platform[] = [];
  for (let lower = version - 1; lower >= 5; lower--) older.push(withVariant(platform, `v${lower}`));
  return older;
}

function olderArm64(platform: Platform): Platform[] {
  const [, majorText = "", minorText = "0"] = /^v(\d)(?:\.(\d))?$/.exec(platform.variant ?? "v8") ?? [];
  const major = Number(majorText);
  const older: Platform[] = [];
  const variant = (of: number, minor: number): string => (minor === 0 ? `v${of}` : `v${of}.${minor}`);
  let minor8 = Number(minorText) - 1;
  if (major === 9) {
    for (let minor = Number(minorText) - 1; minor >= 0; minor--) older.push(withVariant(platform, variant(9, minor)));
    // Armv9.x has all of Armv8.(x+5).
    minor8 = Number(minorText) + 5;
  }
  for (let minor = minor8; minor >= 0; minor--) older.push(withVariant(platform, variant(8, minor)));
  const arm: Platform = { ...platform, architecture: "arm", variant: "v8" };
  return [...older, arm, ...olderArm(arm)];
}

function olderAmd64(platform: Platform): Platform[] {
  const version = Number(/^v(\d)$/.exec(platform.variant ?? "")?.[1] ?? 1);
  const older: Platform[] = [];
  for (let lower = version - 1; lower >= 1; lower--) older.push(withVariant(platform, `v${lower}`));
  const { variant: _variant, ...rest } = platform;
  return [...older, { ...rest, architecture: "386" }];
}

/** What `platform` can run, best first: itself, then what is older or narrower (containerd's `platforms.Only`). */
export function compatiblePlatforms(platform: Platform): readonly Platform[] {
  const wanted = normalizePlatform(platform);
  switch (wanted.architecture) {
    case "amd64":
      return [wanted, ...olderAmd64(wanted)];
    case "arm":
      return [wanted, ...olderArm(wanted)];
    case "arm64":
      return [wanted, ...olderArm64(wanted)];
    default:
      return [wanted];
  }
}

/** True if both name the same platform. Features that an image needs must all be among `wanted`'s. */
function isSamePlatform(wanted: Platform, offered: Platform): boolean {
  const [a, b] = [normalizePlatform(wanted), normalizePlatform(offered)];
  const features = a["os.features"] ?? [];
  return (
    a.os === b.os &&
    a.architecture === b.architecture &&
    (a.variant ?? "") === (b.variant ?? "") &&
    (b["os.features"] ?? []).every((feature) => features.includes(feature))
  );
}

/** True if an image for `offered` can be run where `wanted` is asked for. */
export function isCompatiblePlatform(wanted: Platform, offered: Platform): boolean {
  return compatiblePlatforms(wanted).some((platform) => isSamePlatform(platform, offered));
}

/**
 * Chooses the entry of an index for `wanted`: the best match, and of equal ones the first. Entries without a platform
 * (nested indexes, artifacts) and attestations (`unknown/unknown`) are never chosen.
 */
export function choosePlatform(entries: readonly Descriptor[], wanted: Platform): Descriptor | undefined {
  for (const platform of compatiblePlatforms(wanted)) {
    const found = entries.find((entry) => entry.platform !== undefined && isSamePlatform(platform, entry.platform));
    if (found !== undefined) return found;
  }
  return undefined;
}
