import type { RegistryAuth } from "../../api/image.ts";
import { registryOfServer } from "../../oci/registry-server.ts";
import type { DoorCredentials, DoorLogin } from "./door-parts.ts";
import { RequestError } from "./error-status.ts";

/**
 * Reads the header `X-Registry-Auth`: base64url of JSON. Undefined when it names nobody.
 *
 * @throws 400; the message never repeats what the header says.
 */
export function parseRegistryAuth(header: string | undefined): DoorLogin | undefined {
  if (header === undefined || header === "" || header === "null") return undefined;
  let auth: RegistryAuth;
  try {
    const parsed: unknown = JSON.parse(Buffer.from(header, "base64url").toString("utf8"));
    if (parsed === null) return undefined;
    if (typeof parsed !== "object" || !Object.values(parsed).every((value) => typeof value === "string")) throw parsed;
    auth = parsed;
  } catch {
    throw new RequestError(400, "the header X-Registry-Auth is not base64url of an object of strings");
  }
  const credentials = credentialsOf(auth);
  if (credentials === undefined) return undefined;
  const host = auth.serveraddress ? registryOfServer(auth.serveraddress) : undefined;
  return { credentials, ...(host === undefined ? {} : { host }) };
}

function credentialsOf(auth: RegistryAuth): DoorCredentials | undefined {
  let { username = "", password = "" } = auth;
  if (username === "" && auth.auth) {
    const [, user = "", secret = ""] = /^([^:]*):(.*)$/s.exec(Buffer.from(auth.auth, "base64").toString("utf8")) ?? [];
    username = user;
    password = secret;
  }
  if (auth.registrytoken) return { kind: "registry-token", token: auth.registrytoken };
  if (auth.identitytoken) return { kind: "identity-token", token: auth.identitytoken };
  return username === "" ? undefined : { kind: "password", username, password };
}
