import type { RegistryAuth } from "../../api/image.ts";
import type { Reference } from "../../oci/reference.ts";
import type { Terminal } from "../terminal.ts";

/** The user's credentials for a reference's registry, as options of a call. */
export async function findAuth(
  { environment }: Terminal,
  reference: Reference,
): Promise<{ readonly auth?: RegistryAuth }> {
  const { CredentialStore } = await import("../../credentials/credential-store.ts");
  const auth = await CredentialStore.ofUser(environment).find(reference);
  return auth === undefined ? {} : { auth };
}
