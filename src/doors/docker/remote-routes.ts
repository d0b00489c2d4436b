import { formatError, isGantryError } from "../../errors/gantry-error.ts";
import { DEFAULT_REGISTRY_SERVER, registryOfServer } from "../../oci/registry-server.ts";
import type { DoorParts } from "./door-parts.ts";
import { RequestError } from "./error-status.ts";
import type { Exchange } from "./exchange.ts";
import { checkAuth, credentialsOf } from "./parse-registry-auth.ts";
import type { Route } from "./router.ts";

/** What is asked of the registries of others. */
export function remoteRoutes(parts: DoorParts): readonly Route[] {
  return [{ method: "POST", path: "/auth", handle: (exchange) => logIn(exchange, parts) }];
}

async function logIn(exchange: Exchange, { registries }: DoorParts): Promise<void> {
  const auth = checkAuth(
    await exchange.readJson(),
    () => new RequestError(400, "the body is not an object of strings"),
  );
  const host = registryOfServer(auth?.serveraddress || DEFAULT_REGISTRY_SERVER);
  const credentials = auth === undefined ? undefined : credentialsOf(auth);
  if (credentials === undefined) throw new RequestError(400, "username is needed, or identitytoken");
  try {
    const { identityToken = "" } = await registries.logIn({ host, credentials }, { signal: exchange.signal });
    exchange.sendJson(200, { Status: "Login Succeeded", IdentityToken: identityToken });
  } catch (error) {
    // Clients ask for a password again at 401, and at nothing else.
    if (isGantryError(error, "permission-denied")) throw new RequestError(401, formatError(error));
    throw error;
  }
}
