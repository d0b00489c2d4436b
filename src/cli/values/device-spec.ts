import { isAbsolute } from "node:path";
import type { DeviceMapping } from "../../api/host-config.ts";

function isPermissions(text: string): boolean {
  return /^[rwm]{1,3}$/.test(text) && new Set(text).size === text.length;
}

/**
 * Reads `--device HOST[:CONTAINER][:PERMISSIONS]`.
 *
 * @throws in Docker's words.
 */
export function parseDeviceSpec(text: string): DeviceMapping {
  const parts = text.split(":");
  const [onHost = "", second, third] = parts;
  if (parts.length > 3 || onHost === "") throw new Error(`bad format for path: ${text}`);
  if (third !== undefined && !isPermissions(third)) throw new Error(`bad mode specified: ${third}`);
  const isSecondPermissions = third === undefined && second !== undefined && isPermissions(second);
  const inContainer = second === undefined || isSecondPermissions ? onHost : second;
  if (!isAbsolute(inContainer)) {
    if (!text.startsWith("/") && text.includes("=")) {
      throw new Error(`unsupported: devices of the Container Device Interface (${text}) are not there yet`);
    }
    throw new Error(`${inContainer} is not an absolute path`);
  }
  const permissions = third ?? (isSecondPermissions ? second : undefined) ?? "rwm";
  return { PathOnHost: onHost, PathInContainer: inContainer, CgroupPermissions: permissions };
}
