import { parseReference } from "../../oci/reference.ts";
import { DEFAULT_REGISTRY_SERVER, registryOfServer } from "../../oci/registry-server.ts";

/**
 * The registry that a server on the command line means: `registry.lan:5000`, `https://index.docker.io/v1/`; Docker's where none is
 * named.
 *
 * @throws for what can be none.
 */
export function parseRegistry(server: string = DEFAULT_REGISTRY_SERVER): string {
  const registry = registryOfServer(server);
  try {
    if (parseReference(`${registry}/x`).registry === registry) return registry;
  } catch {
    // Told below.
  }
  throw new Error(
    `invalid registry ${JSON.stringify(server)}: name it as HOST[:PORT], as in registry.example.com:5000`,
  );
}
