import { RegistryConnections } from "../distribution/client/registry-connections.ts";
import { certificatesReader } from "./certificates-folder.ts";
import { registriesReader } from "./registries-file.ts";

/** Other registries, as `registries.toml` and `certs.d` of this host say that they are reached. */
export function openRegistryConnections(): RegistryConnections {
  return new RegistryConnections({
    config: registriesReader(process.env.GANTRY_REGISTRIES),
    certificates: certificatesReader(),
    now: Date.now,
    random: Math.random,
  });
}
