import { spawn } from "node:child_process";
import { accessSync, constants, readFileSync } from "node:fs";
import { join } from "node:path";
import { GantryError } from "../../errors/gantry-error.ts";
import { DEFAULT_PROFILE, defaultProfile } from "./default-profile.ts";

/**
 * Sees to it that the default profile is loaded; false if nothing here can load it.
 *
 * The kernel takes only compiled policies: AppArmor's own compiler is the one program of the host that is called.
 *
 * @throws `unavailable` if the compiler or the kernel refuses it.
 */
export async function ensureDefaultProfile(): Promise<boolean> {
  if (isProfileLoaded(DEFAULT_PROFILE)) return true;
  const parser = findParser();
  if (parser === undefined) return false;
  // Whatever is in its cache may be of another version.
  const { status, errors } = await runParser(parser, defaultProfile(ownProfile()));
  if (status === 0) return true;
  throw new GantryError("unavailable", `cannot load the AppArmor profile ${DEFAULT_PROFILE}: ${errors.trim()}`, {
    hint: "--security-opt apparmor=unconfined runs the container without",
  });
}

/** True if the kernel has a profile of this name. */
export function isProfileLoaded(name: string): boolean {
  try {
    const profiles = readFileSync("/sys/kernel/security/apparmor/profiles", "utf8");
    return profiles.split("\n").some((line) => line.replace(/ \([a-z]+\)$/, "") === name);
  } catch {
    return false;
  }
}

function ownProfile(): { readonly daemonProfile?: string } {
  try {
    const own = readFileSync("/proc/self/attr/current", "utf8")
      .replace(/[\0\n]+$/, "")
      .replace(/ \([a-z]+\)$/, "");
    return own === "unconfined" || !/^[\w./@+-]+$/.test(own) ? {} : { daemonProfile: own };
  } catch {
    return {};
  }
}

function findParser(): string | undefined {
  for (const folder of ["/sbin", "/usr/sbin", "/usr/local/sbin", "/usr/bin"]) {
    const path = join(folder, "apparmor_parser");
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // Not there.
    }
  }
  return undefined;
}

async function runParser(path: string, profile: string): Promise<{ readonly status: number | null; errors: string }> {
  const child = spawn(path, ["--skip-cache", "--replace"], { stdio: ["pipe", "ignore", "pipe"], env: {} });
  let errors = "";
  child.stderr.on("data", (chunk: Buffer) => {
    errors = (errors + chunk.toString()).slice(-2000);
  });
  // It may end before it has read everything; its status says so.
  child.stdin.on("error", () => {});
  child.stdin.end(profile);
  return await new Promise((done) => {
    child.on("error", (error) => done({ status: null, errors: error.message }));
    child.on("close", (status) => done({ status, errors }));
  });
}
