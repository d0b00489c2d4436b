import { isSameRegistry } from "../../oci/comparable-host.ts";
import type { Reference } from "../../oci/reference.ts";
import type { RegistryCredentials } from "./authorizer.ts";
import type { RegistryCertificates } from "./http-exchange.ts";
import {
  findRegistry,
  pullPlaces,
  pushPlace,
  type RegistriesConfig,
  type RegistryPlace,
  registryPlace,
} from "./registries.ts";
import { RegistryClient, type RegistryClientOptions } from "./registry-client.ts";

/** A registry that can be asked, and what it calls the thing that is asked for. */
export interface RegistrySource {
  readonly client: RegistryClient;
  readonly reference: Reference;
  readonly isMirror: boolean;
}

/** Who asks, and where that may be told. */
export interface RegistryLogin {
  /** The registry that the credentials are for, if that is known. */
  readonly host?: string | undefined;
  readonly credentials: RegistryCredentials;
}

export interface RegistryConnectionsParts {
  /** What `registries.toml` says, asked anew each time. */
  readonly config: () => RegistriesConfig;
  /** What `certs.d` has for a registry. @default nothing */
  readonly certificates?: (host: string) => RegistryCertificates | undefined;
  /** The daemon's own credentials, for places that a caller has none for. @default none */
  readonly credentials?: (reference: Reference) => Promise<RegistryCredentials | undefined>;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Between 0 and 1. */
  readonly random?: () => number;
  /** How to make clients; tests shorten their waits. */
  readonly client?: Partial<RegistryClientOptions>;
}

/** Whoever waits for a mirror could have had it from the registry: it gets one second chance. */
const MIRROR_RETRY_DELAYS_MS = [500];

/** The registries as `registries.toml` arranges them: a reference becomes those who can be asked for it. */
export class RegistryConnections {
  readonly #parts: RegistryConnectionsParts;

  constructor(parts: RegistryConnectionsParts) {
    this.#parts = parts;
  }

  /** The registry of names that say none. */
  get defaultRegistry(): string {
    return this.#parts.config().defaultRegistry;
  }

  /**
   * Where to pull from, the first choice first.
   *
   * @param client how to be patient, if not as usual.
   * @throws `permission-denied` if it is blocked.
   */
  async sources(
    reference: Reference,
    login?: RegistryLogin,
    client: Pick<Partial<RegistryClientOptions>, "retryDelaysMs" | "responseTimeoutMs"> = {},
  ): Promise<readonly RegistrySource[]> {
    const places = pullPlaces(this.#parts.config(), reference);
    return await Promise.all(places.map((place) => this.#connect(place, reference, login, client)));
  }

  /** Where a reference leads when it is pushed to; itself, if that is blocked. */
  locate(reference: Reference): Reference {
    const config = this.#parts.config();
    return findRegistry(config, reference)?.isBlocked === true ? reference : pushPlace(config, reference).reference;
  }

  /** Where to push to. @throws `permission-denied` if it is blocked. */
  async target(reference: Reference, login?: RegistryLogin): Promise<RegistrySource> {
    return await this.#connect(pushPlace(this.#parts.config(), reference), reference, login);
  }

  /** Finds out if a registry takes credentials; as `RegistryClient.logIn`. */
  async logIn(
    login: RegistryLogin & { readonly host: string },
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<{ readonly identityToken?: string }> {
    const { client } = await this.#registry(login.host, login, { wantsIdentityToken: true });
    return await client.logIn(options);
  }

  /** A registry as a whole, for what is of no repository. @throws `permission-denied` if it is blocked. */
  async registry(host: string, login?: RegistryLogin): Promise<RegistryClient> {
    const { client } = await this.#registry(host, login);
    return client;
  }

  async #registry(
    host: string,
    login: RegistryLogin | undefined,
    extra: Partial<RegistryClientOptions> = {},
  ): Promise<RegistrySource> {
    const place = registryPlace(this.#parts.config(), host);
    return await this.#connect(place, place.reference, login, extra);
  }

  async #connect(
    place: RegistryPlace,
    asked: Reference,
    login: RegistryLogin | undefined,
    extra: Partial<RegistryClientOptions> = {},
  ): Promise<RegistrySource> {
    const { reference, isMirror, timeoutMs, isInsecure, proxy } = place;
    const { client, certificates, now, random } = this.#parts;
    const host = reference.registry;
    const waits = timeoutMs === undefined ? {} : { responseTimeoutMs: timeoutMs, stallTimeoutMs: timeoutMs };
    const options: RegistryClientOptions = {
      ...waits,
      ...(random === undefined ? {} : { random }),
      ...(isMirror ? { retryDelaysMs: MIRROR_RETRY_DELAYS_MS } : {}),
      ...client,
      ...extra,
      host,
      isInsecure,
      proxy,
      certificates: certificates?.(host),
      credentials: loginFor(asked, host, login) ?? (await this.#parts.credentials?.(reference)),
      now,
    };
    return { client: new RegistryClient(options), reference, isMirror };
  }
}

/** The caller's credentials, if they are for this very registry: a name of one must not carry a password to another. */
function loginFor(asked: Reference, host: string, login: RegistryLogin | undefined): RegistryCredentials | undefined {
  if (login === undefined || !isSameRegistry(host, login.host ?? asked.registry)) return undefined;
  return login.credentials;
}
