import type { RegistryCredentials } from "./authorizer.ts";

/** What clients send to authenticate at a registry (`X-Registry-Auth`): any of these may be missing or empty. */
export interface LooseCredentials {
  readonly username?: string;
  readonly password?: string;
  /** Instead of a password. */
  readonly identityToken?: string;
  /** Sent to the registry as it is. */
  readonly registryToken?: string;
}

/** Says which kind of credentials was given; undefined if none was. The more special one wins, as with Docker. */
export function chooseCredentials(given: LooseCredentials | undefined): RegistryCredentials | undefined {
  const { username = "", password = "", identityToken = "", registryToken = "" } = given ?? {};
  if (registryToken !== "") return { kind: "registry-token", token: registryToken };
  if (identityToken !== "") return { kind: "identity-token", token: identityToken };
  return username === "" ? undefined : { kind: "password", username, password };
}
