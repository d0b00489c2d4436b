import { RegistryError } from "../../distribution/repositories/registry-error.ts";
import {
  type Access,
  type AskedBy,
  type Identity,
  type Scope,
  TooManyRequests,
  WrongCredentials,
} from "../../identity/index.ts";
import type { RequiredScope } from "./required-scope.ts";

export interface AdmissionOptions {
  readonly access: Access;
  /** Where the client finds the token service. */
  readonly realm: string;
}

/**
 * Lets a request in, or says how to get in: the distribution project's token specification, and RFC 6750.
 *
 * @returns who asks.
 * @throws RegistryError UNAUTHORIZED with a challenge, DENIED, TOOMANYREQUESTS
 */
export async function admit(asked: AskedBy, scope: RequiredScope, options: AdmissionOptions): Promise<Identity> {
  const { access } = options;
  const identity = await identify(asked, scope, options);
  if (scope === "entry") {
    if (!access.mayEnter(identity)) throw unauthorized("log in first", challenge(scope, options));
    return identity;
  }
  const decision =
    scope === "catalog" ? access.decideCatalog(identity) : access.decide(identity, scope.action, scope.repository);
  if (!decision.isAllowed) throw refuse(identity, scope, options);
  if (scope !== "catalog") throttled(() => access.admit(identity, scope.repository));
  return identity;
}

async function identify(asked: AskedBy, scope: RequiredScope, options: AdmissionOptions): Promise<Identity> {
  try {
    return await options.access.authenticate(asked);
  } catch (error) {
    if (error instanceof WrongCredentials) {
      throw unauthorized(error.message, challenge(scope, options, "invalid_token"), error.hint);
    }
    throw tooMany(error);
  }
}

/** Somebody without a name, or with a token that is too narrow, may get further with a token; others are told no. */
function refuse(identity: Identity, scope: Exclude<RequiredScope, "entry">, options: AdmissionOptions): RegistryError {
  const what = scope === "catalog" ? "list the repositories" : `${scope.action} ${scope.repository}`;
  if (identity.method === "anonymous") return unauthorized(`log in to ${what}`, challenge(scope, options));
  const words = `${identity.name ?? "this client"} may not ${what}`;
  if (identity.method === "token") return unauthorized(words, challenge(scope, options, "insufficient_scope"));
  return new RegistryError("DENIED", words, { hint: "ask whoever looks after the registry's access.toml" });
}

function challenge(
  scope: RequiredScope,
  { access, realm }: AdmissionOptions,
  error?: "invalid_token" | "insufficient_scope",
): string {
  return access.challenge(scopesOf(scope), { realm, ...(error === undefined ? {} : { error }) });
}

/** What a token is to be asked for: who pushes looks first whether it is there. */
function scopesOf(scope: RequiredScope): readonly Scope[] {
  if (scope === "entry") return [];
  if (scope === "catalog") return ["catalog"];
  const { repository, action } = scope;
  return [{ repository, actions: action === "push" ? ["pull", "push"] : [action] }];
}

function unauthorized(message: string, header: string, hint?: string): RegistryError {
  return new RegistryError("UNAUTHORIZED", message, {
    ...(hint === undefined ? {} : { hint }),
    headers: { "www-authenticate": header },
  });
}

/** Runs what may be limited. @throws RegistryError TOOMANYREQUESTS */
function throttled(work: () => void): void {
  try {
    work();
  } catch (error) {
    throw tooMany(error);
  }
}

/** The registry's words for a limit that was reached; everything else as it is. */
export function tooMany(error: unknown): unknown {
  if (!(error instanceof TooManyRequests)) return error;
  const seconds = Math.max(1, Math.ceil(error.retryAfterMs / 1000));
  return new RegistryError("TOOMANYREQUESTS", error.message, {
    ...(error.hint === undefined ? {} : { hint: error.hint }),
    headers: { "retry-after": String(seconds) },
  });
}
