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
  const malformed = (): RequestError =>
    new RequestError(400, "the header X-Registry-Auth is not base64url of an object of strings");
  let parsed: unknown;
  try {
    parsed = JSON.parse(Buffer.from(header, "base64url").toString("utf8"));
  } catch {
    throw malformed();
  }
  const auth = checkAuth(parsed, malformed);
  return auth === undefined ? undefined : loginOf(auth);
}

/** JSON that came from outside, if it is an object of strings; undefined for null. */
export function checkAuth(value: unknown, malformed: () => RequestError): RegistryAuth | undefined {
  if (value === null) return undefined;
  if (typeof value !== "object" || !Object.values(value).every((item) => typeof item === "string")) throw malformed();
  return value;
}

/** Who it names, and for which registry; undefined when it names nobody. */
export function loginOf(auth: RegistryAuth): DoorLogin | undefined {
  const credentials = credentialsOf(auth);
  if (credentials === undefined) return undefined;
  return { credentials, ...(auth.serveraddress ? { host: registryOfServer(auth.serveraddress) } : {}) };
}

/** Who it names; of several kinds of credentials the more special one. */
export function credentialsOf(auth: RegistryAuth): DoorCredentials | undefined {
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
