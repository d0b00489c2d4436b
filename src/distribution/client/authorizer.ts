import { GantryError } from "../../errors/gantry-error.ts";
import { type Challenge, parseChallenges } from "./challenge.ts";
import { exchange, type HttpExchangeOptions, type RegistryCertificates } from "./http-exchange.ts";
import { readProblem } from "./registry-problem.ts";
import { readBodyWithin } from "./response-body.ts";

/** Who asks: what `docker login` keeps, and `X-Registry-Auth` carries. */
export type RegistryCredentials =
  | { readonly kind: "password"; readonly username: string; readonly password: string }
  /** A refresh token, exchanged for tokens at the registry's token server. */
  | { readonly kind: "identity-token"; readonly token: string }
  /** A bearer token that is sent to the registry as it is. */
  | { readonly kind: "registry-token"; readonly token: string };

export interface AuthorizerOptions {
  /** The registry, for error messages. */
  readonly host: string;
  readonly credentials?: RegistryCredentials | undefined;
  readonly isInsecure: boolean;
  readonly certificates?: RegistryCertificates | undefined;
  readonly proxy?: string | undefined;
  readonly responseTimeoutMs: number;
  readonly stallTimeoutMs: number;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Asks token servers for an identity token that may be kept in the password's place. @default false */
  readonly wantsIdentityToken?: boolean | undefined;
}

interface FetchedToken {
  readonly token: string;
  readonly lifeSeconds: number;
  readonly refreshToken: string | undefined;
}

const TOKEN_BYTES_MAX = 1024 * 1024;
const TOKENS_MAX = 100;
/** Docker's token specification: what has no `expires_in` lives a minute. */
const TOKEN_LIFE_DEFAULT_SECONDS = 60;
/** A token is not used in its last seconds, so that it does not end on its way. */
const TOKEN_MARGIN_MS = 5000;

function basic(username: string, password: string): string {
  return `Basic ${Buffer.from(`${username}:${password}`, "utf8").toString("base64")}`;
}

/** A token becomes part of a header: no spaces, no line breaks. */
function isToken(value: unknown): value is string {
  return typeof value === "string" && /^[\x21-\x7e]+$/.test(value);
}

function readToken(bytes: Uint8Array): FetchedToken | undefined {
  try {
    const document = JSON.parse(new TextDecoder().decode(bytes)) as Readonly<Record<string, unknown>>;
    const token = document.token ?? document.access_token;
    const life = document.expires_in;
    if (!isToken(token)) return undefined;
    const refreshToken = isToken(document.refresh_token) ? document.refresh_token : undefined;
    return {
      token,
      refreshToken,
      lifeSeconds: typeof life === "number" && life > 0 ? life : TOKEN_LIFE_DEFAULT_SECONDS,
    };
  } catch {
    return undefined;
  }
}

/**
 * Answers a registry's challenges: Basic, and Docker's token flow (distribution's docs/content/spec/auth/token.md and
 * oauth.md). Tokens are kept until they end, one for each scope.
 *
 * The scope is what we want to do, never what the registry suggests: a hostile registry gets no wider token.
 */
export class Authorizer {
  readonly #options: AuthorizerOptions;
  readonly #headers = new Map<string, { readonly value: string; readonly endsAt: number }>();

  #identityToken: string | undefined;

  constructor(options: AuthorizerOptions) {
    this.#options = options;
  }

  /** What a token server gave to be kept in the password's place. */
  get identityToken(): string | undefined {
    return this.#identityToken;
  }

  /** The `Authorization` that is known to do for `scope`, before being asked. */
  header(scope: string): string | undefined {
    const { credentials, now } = this.#options;
    if (credentials?.kind === "registry-token") return `Bearer ${credentials.token}`;
    const known = this.#headers.get(scope);
    return known !== undefined && known.endsAt > now() ? known.value : undefined;
  }

  /**
   * Answers a refusal (401).
   *
   * @param header the `WWW-Authenticate` that came with it.
   * @returns the `Authorization` to try, or undefined if there is none to try.
   * @throws `permission-denied` if the credentials are refused, `unavailable` if the token server cannot be asked.
   */
  async answer(header: string, scope: string, signal?: AbortSignal): Promise<string | undefined> {
    const { credentials } = this.#options;
    if (credentials?.kind === "registry-token") return undefined;
    const challenges = parseChallenges(header);
    const bearer = challenges.find((challenge) => challenge.scheme === "bearer");
    if (bearer !== undefined) return await this.#fetchToken(bearer, scope, signal);
    const isBasic = challenges.some((challenge) => challenge.scheme === "basic");
    if (!isBasic || credentials?.kind !== "password") return undefined;
    const value = basic(credentials.username, credentials.password);
    this.#keep(scope, value, Number.POSITIVE_INFINITY);
    return value;
  }

  /** Forgets what was refused. */
  forget(scope: string): void {
    this.#headers.delete(scope);
  }

  #keep(scope: string, value: string, endsAt: number): void {
    if (this.#headers.size >= TOKENS_MAX) this.#headers.clear();
    this.#headers.set(scope, { value, endsAt });
  }

  #realm(challenge: Challenge): URL {
    const { host, isInsecure } = this.#options;
    const text = challenge.parameters.realm ?? "";
    const problem = (why: string): GantryError =>
      new GantryError("unavailable", `registry ${host} asks to authenticate at ${JSON.stringify(text)}, ${why}`);
    if (!URL.canParse(text)) throw problem("which is no address");
    const realm = new URL(text);
    if (realm.protocol !== "https:" && realm.protocol !== "http:") throw problem("which is no web address");
    if (realm.protocol === "http:" && !isInsecure) throw problem("where credentials would travel in the clear");
    return realm;
  }

  async #fetchToken(challenge: Challenge, scope: string, signal?: AbortSignal): Promise<string | undefined> {
    const { host, credentials, now, responseTimeoutMs, stallTimeoutMs } = this.#options;
    const { isInsecure, certificates, proxy } = this.#options;
    const realm = this.#realm(challenge);
    const service = challenge.parameters.service;
    const parameters = new URLSearchParams(service === undefined ? {} : { service });
    const options: HttpExchangeOptions = { isInsecure, certificates, proxy, responseTimeoutMs, signal };
    const bodyOptions = { what: `token from ${realm.host}`, stallTimeoutMs, signal };
    let result: Awaited<ReturnType<typeof exchange>>;
    if (credentials?.kind === "identity-token") {
      parameters.set("scope", scope);
      parameters.set("grant_type", "refresh_token");
      parameters.set("refresh_token", credentials.token);
      parameters.set("client_id", "gantry");
      const headers = { "content-type": "application/x-www-form-urlencoded" };
      result = await exchange({ url: realm, method: "POST", headers, body: parameters.toString() }, options);
    } else {
      for (const one of scope.split(" ")) if (one !== "") parameters.append("scope", one);
      for (const [name, value] of parameters) realm.searchParams.append(name, value);
      if (credentials !== undefined)
        realm.searchParams.set("account", credentials.kind === "password" ? credentials.username : "");
      if (this.#options.wantsIdentityToken === true) {
        realm.searchParams.set("offline_token", "true");
        realm.searchParams.set("client_id", "gantry");
      }
      const headers: Record<string, string> =
        credentials?.kind === "password" ? { authorization: basic(credentials.username, credentials.password) } : {};
      result = await exchange({ url: realm, headers }, options);
    }
    if ("failure" in result) throw result.failure;
    const { response } = result;
    if (!response.ok) {
      const problem = await readProblem(response, bodyOptions);
      const isRefused = response.status === 401 || response.status === 403 || response.status === 400;
      if (isRefused && credentials === undefined) return undefined;
      const message = isRefused
        ? `registry ${host} refuses the credentials: ${problem.text}`
        : `cannot get a token for registry ${host} from ${realm.host}: ${problem.text}`;
      const hint = isRefused ? { hint: `\`gantry login ${host}\` asks for name and password anew` } : {};
      throw new GantryError(isRefused ? "permission-denied" : "unavailable", message, hint);
    }
    const token = readToken(await readBodyWithin(response, TOKEN_BYTES_MAX, bodyOptions));
    if (token === undefined) {
      throw new GantryError(
        "unavailable",
        `cannot get a token for registry ${host}: ${realm.host} answered without one`,
      );
    }
    this.#identityToken = token.refreshToken;
    const value = `Bearer ${token.token}`;
    this.#keep(scope, value, now() + token.lifeSeconds * 1000 - TOKEN_MARGIN_MS);
    return value;
  }
}
