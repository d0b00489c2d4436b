import { GantryError } from "../../errors/gantry-error.ts";
import type { CriuFeatures, CriuVersion } from "./criu-messages.ts";
import { askCriu, type CriuProcessOptions } from "./criu-process.ts";

/** The first that tells its version when it is asked (runc wants no older one either). */
const MIN_VERSION = 30000;

/** 3.17.1 is 31701; what was built after a release counts as the next one. */
export function versionNumber(version: CriuVersion): number {
  const { major, minor, sublevel, isBetween } = version;
  return isBetween ? major * 10000 + (minor + 1) * 100 : major * 10000 + minor * 100 + sublevel;
}

export function formatVersion(number: number): string {
  return `${Math.trunc(number / 10000)}.${Math.trunc(number / 100) % 100}.${number % 100}`;
}

/** @throws `unsupported` without criu, or with one that is too old. */
export async function readCriuVersion(environment: CriuProcessOptions["environment"]): Promise<number> {
  const { version, isSuccess } = await askCriu({ type: "version" }, environment);
  if (!isSuccess || version === undefined)
    throw new GantryError("unsupported", "criu does not tell its version: it is older than 3.0");
  const number = versionNumber(version);
  requireVersion(number, MIN_VERSION, "checkpoints");
  return number;
}

/** @param what needs it, for the sentence. */
export function requireVersion(version: number, min: number, what: string): void {
  if (version < min)
    throw new GantryError(
      "unsupported",
      `${what}: criu ${formatVersion(min)} or newer is needed, this is ${formatVersion(version)}`,
    );
}

/** @throws `unsupported` where this kernel or this criu lacks what a flag needs. */
export async function requireFeatures(
  flags: { readonly preDump: boolean; readonly lazyPages: boolean },
  environment: CriuProcessOptions["environment"],
): Promise<void> {
  const wanted: CriuFeatures = {
    ...(flags.preDump ? { tracksMemory: true } : {}),
    ...(flags.lazyPages ? { hasLazyPages: true } : {}),
  };
  if (!flags.preDump && !flags.lazyPages) return;
  const { features, isSuccess } = await askCriu({ type: "feature-check", features: wanted }, environment);
  if (!isSuccess || features === undefined)
    throw new GantryError("unsupported", "criu cannot tell what this kernel has for checkpoints", {
      hint: "`criu check --all` says more",
    });
  const missing = [
    ...(wanted.tracksMemory && features.tracksMemory === false ? ["--pre-dump (memory tracking)"] : []),
    ...(wanted.hasLazyPages && features.hasLazyPages === false ? ["--lazy-pages (userfaultfd)"] : []),
  ];
  if (missing.length > 0)
    throw new GantryError("unsupported", `this kernel or this criu lacks what is needed for ${missing.join(", ")}`);
}
