import { isSameRegistry } from "./comparable-host.ts";
import { DEFAULT_REGISTRY } from "./reference.ts";

/** What Docker's files and headers call the default registry, since its first days. */
export const DEFAULT_REGISTRY_SERVER = "https://index.docker.io/v1/";

/** The registry that a server's address means, as references name it: `https://index.docker.io/v1/` is `docker.io`. */
export function registryOfServer(address: string): string {
  const host = address.replace(/^https?:\/\//, "").split("/", 1)[0] ?? "";
  return isSameRegistry(host, DEFAULT_REGISTRY) ? DEFAULT_REGISTRY : host;
}

/** How Docker's files name a registry: the address that `docker login` keeps credentials under. */
export function serverOfRegistry(registry: string): string {
  return registry === DEFAULT_REGISTRY ? DEFAULT_REGISTRY_SERVER : registry;
}
