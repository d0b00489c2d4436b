import { RegistryConnections, type RegistryConnectionsParts } from "../distribution/client/registry-connections.ts";
import { certificatesReader } from "./certificates-folder.ts";
import { registriesReader } from "./registries-file.ts";
import { daemonCredentials } from "./user-credentials.ts";

export interface RegistryConnectionsOptions {
  /** @default the process's */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** For whoever asks without any. @default those of the daemon */
  readonly credentials?: NonNullable<RegistryConnectionsParts["credentials"]>;
}

/** Other registries, as `registries.toml` and `certs.d` of this host say that they are reached. */
export function openRegistryConnections(options: RegistryConnectionsOptions = {}): RegistryConnections {
  const { environment = process.env, credentials = daemonCredentials(environment) } = options;
  return new RegistryConnections({
    config: registriesReader(environment.GANTRY_REGISTRIES),
    certificates: certificatesReader(),
    credentials,
    now: Date.now,
    random: Math.random,
  });
}
