import type { RegistryAuth } from "../api/image.ts";
import { CredentialStore } from "../credentials/credential-store.ts";
import type { RegistryCredentials } from "../distribution/client/authorizer.ts";
import type { Reference } from "../oci/reference.ts";

/** Where an administrator keeps credentials for what the daemon asks by itself: mirrors, and places that take another's place. */
const DAEMON_AUTH_PATH = "/etc/gantry/auth.json";

type FindCredentials = (reference: Reference) => Promise<RegistryCredentials | undefined>;
type Environment = Readonly<Record<string, string | undefined>>;

/** What is kept, as a registry's client takes it; of several kinds of credentials the more special one. */
export function toCredentials({
  registrytoken,
  identitytoken,
  username,
  password = "",
}: RegistryAuth): RegistryCredentials {
  if (registrytoken) return { kind: "registry-token", token: registrytoken };
  if (identitytoken) return { kind: "identity-token", token: identitytoken };
  return { kind: "password", username: username ?? "", password };
}

function finder(store: CredentialStore): FindCredentials {
  return async (reference) => {
    const found = await store.find(reference);
    return found === undefined ? undefined : toCredentials(found);
  };
}

/** The credentials of whoever runs this program, as `gantry login` keeps them. */
export function userCredentials(environment: Environment): FindCredentials {
  return finder(CredentialStore.ofUser(environment));
}

/** The daemon's own credentials, for places that a caller has none for: `/etc/gantry/auth.json`, or what `GANTRY_AUTH` names. */
export function daemonCredentials(environment: Environment): FindCredentials {
  return finder(new CredentialStore({ own: environment.GANTRY_AUTH || DAEMON_AUTH_PATH }, environment));
}
