import { readFileSync } from "node:fs";
import { HOST_RESOLV_CONF, isResolvedStub, RESOLVED_RESOLV_CONF } from "../network/resolv-conf.ts";

/** The text of the host's resolv.conf; the real one where the usual place only names systemd-resolved's stub. Empty if there is none. */
export function readHostResolvConf(): string {
  const text = read(HOST_RESOLV_CONF);
  return isResolvedStub(text) ? read(RESOLVED_RESOLV_CONF) || text : text;
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
