import { DEFAULT_REGISTRY, isRegistryHost } from "./reference.ts";

/** Where the default registry answers; names that say these mean it. */
const DEFAULT_REGISTRY_HOSTS: ReadonlySet<string> = new Set(["index.docker.io", "registry-1.docker.io"]);

/**
 * A registry's host as it is compared with others: in the one spelling of all that lead to the same place. `LAN.example:443` is
 * `lan.example`, `127.1:05000` is `127.0.0.1:5000`, `[0:0::1]` is `[::1]`, since a request reads them so (WHATWG URL, "host parsing";
 * RFC 4343). Port 80 is another place than none: a registry is asked by HTTPS first, and what holds for one (plain HTTP, a password) must
 * not come to hold for the other.
 */
export function comparableHost(host: string): string {
  const address = `https://${host}`;
  // What no request can be sent to, and "*.example.com", is compared as it is written.
  const spelled = isRegistryHost(host) && URL.canParse(address) ? new URL(address).host : host.toLowerCase();
  return DEFAULT_REGISTRY_HOSTS.has(spelled) ? DEFAULT_REGISTRY : spelled;
}

/** A name, or the beginning of one, with its host as it is compared: what is said of one spelling holds for all. */
export function withComparableHost(name: string): string {
  return name.replace(/^[^/]*/, comparableHost);
}

/** True if two hosts are the same registry. */
export function isSameRegistry(left: string, right: string): boolean {
  return left === right || comparableHost(left) === comparableHost(right);
}
