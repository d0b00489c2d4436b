import type { HostConfig } from "../../api/host-config.ts";
import type { DeviceConfig, SecurityConfig } from "../../engine/container/container-config.ts";
import { GantryError } from "../../errors/gantry-error.ts";

/** Reads what of `HostConfig` says what a container may do. */
export function parseSecurity(host: HostConfig): SecurityConfig {
  return {
    ...(host.Privileged === true ? { privileged: true } : {}),
    ...(host.CapAdd?.length ? { capAdd: host.CapAdd } : {}),
    ...(host.CapDrop?.length ? { capDrop: host.CapDrop } : {}),
    ...(host.ReadonlyRootfs === true ? { readOnlyRootfs: true } : {}),
    ...(host.Devices?.length ? { devices: host.Devices.map(parseDevice) } : {}),
    ...parseSecurityOptions(host.SecurityOpt ?? []),
  };
}

type Options = Pick<SecurityConfig, "noNewPrivileges" | "seccomp" | "appArmorProfile" | "labels">;

/** Reads `HostConfig.SecurityOpt`. Each is `name`, `name=value` or (old) `name:value`. */
function parseSecurityOptions(options: readonly string[]): Options {
  let parsed: Options = {};
  for (const option of options) {
    const [, name = option, value] = /^([^=:]+)[=:](.*)$/s.exec(option) ?? [];
    switch (name) {
      case "no-new-privileges":
        if (value !== undefined && value !== "true" && value !== "false") throw invalid(option);
        parsed = { ...parsed, noNewPrivileges: value !== "false" };
        break;
      case "seccomp":
        if (value === undefined || value === "") throw invalid(option);
        if (value !== "unconfined" && value !== "builtin") checkProfile(value);
        parsed = { ...parsed, seccomp: value };
        break;
      case "apparmor":
        if (value === undefined || !/^[^\s"]+$/.test(value)) throw invalid(option);
        parsed = { ...parsed, appArmorProfile: value };
        break;
      case "label":
        if (value === undefined || !/^(disable|(user|role|type|level|filetype):[^\s"\\]+)$/.test(value))
          throw invalid(option);
        parsed = { ...parsed, labels: [...(parsed.labels ?? []), value] };
        break;
      case "systempaths":
      case "writable-cgroups":
        throw notThere(option);
      default:
        throw invalid(option);
    }
  }
  return parsed;
}

function checkProfile(profile: string): void {
  try {
    const parsed: unknown = JSON.parse(profile);
    if (typeof parsed === "object" && parsed !== null) return;
  } catch {
    // Told below.
  }
  throw new GantryError("invalid-argument", "decoding seccomp profile failed: it is not a JSON object", {
    hint: "clients send the profile's text, not the name of its file",
  });
}

function parseDevice(device: NonNullable<HostConfig["Devices"]>[number]): DeviceConfig {
  const { PathOnHost, PathInContainer, CgroupPermissions } = device as Partial<typeof device>;
  const permissions = CgroupPermissions || "rwm";
  if (typeof PathOnHost !== "string" || !PathOnHost.startsWith("/")) {
    throw new GantryError(
      "invalid-argument",
      `invalid device: ${JSON.stringify(PathOnHost ?? "")} is not an absolute path`,
    );
  }
  if (PathInContainer !== undefined && typeof PathInContainer !== "string") {
    throw new GantryError(
      "invalid-argument",
      `invalid device ${PathOnHost}: its path in the container is not a string`,
    );
  }
  if (typeof permissions !== "string" || !/^[rwm]{1,3}$/.test(permissions)) {
    throw new GantryError("invalid-argument", `invalid device mode: ${String(permissions)}`, {
      hint: "write letters of rwm",
    });
  }
  return { pathOnHost: PathOnHost, pathInContainer: PathInContainer || PathOnHost, permissions };
}

function invalid(option: string): GantryError {
  return new GantryError("invalid-argument", `invalid --security-opt: ${JSON.stringify(option.slice(0, 100))}`);
}

function notThere(option: string): GantryError {
  return new GantryError("unsupported", `--security-opt ${option.slice(0, 100)} is not there yet`);
}
