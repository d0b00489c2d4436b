import { setTimeout as sleep } from "node:timers/promises";
import { GantryError } from "../../errors/gantry-error.ts";
import { comparableHost } from "../../oci/comparable-host.ts";
import { jittered } from "../../platform/backoff.ts";
import { Authorizer, type RegistryCredentials } from "./authorizer.ts";
import {
  cancelledError,
  exchange,
  type HttpBody,
  type HttpMethod,
  type HttpResult,
  type RegistryCertificates,
} from "./http-exchange.ts";

export interface RegistrySessionOptions {
  /** As references name it: `docker.io`, `localhost:5000`. */
  readonly host: string;
  /**
   * True if HTTPS with any certificate, and plain HTTP, will do. HTTPS is tried first.
   * @default false
   */
  readonly isInsecure?: boolean;
  readonly credentials?: RegistryCredentials | undefined;
  /** Asks token servers for an identity token that may be kept in the password's place. @default false */
  readonly wantsIdentityToken?: boolean;
  /** What `certs.d` has for this registry. */
  readonly certificates?: RegistryCertificates | undefined;
  /** The address of an HTTP proxy, or `direct`. @default what the environment says */
  readonly proxy?: string | undefined;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Between 0 and 1: spreads the waits of those who were turned away together. @default no spread */
  readonly random?: () => number;
  /**
   * How long the registry may take to begin an answer.
   * @default 30_000
   */
  readonly responseTimeoutMs?: number;
  /**
   * How long the registry may send nothing in the middle of an answer.
   * @default 30_000
   */
  readonly stallTimeoutMs?: number;
  /**
   * The longest waits before each further try of what failed in passing (a broken connection, 429, 5xx); so many tries there are.
   * @default [500, 1000, 2000, 4000, 8000]
   */
  readonly retryDelaysMs?: readonly number[];
}

export interface RegistryRequest {
  /** @default "GET" */
  readonly method?: HttpMethod;
  /** Below `/v2/`, or where the registry told to go on. */
  readonly target: string | URL;
  /** What is to be done, as token servers read it; several parted by spaces. */
  readonly scope: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: HttpBody;
  readonly signal?: AbortSignal | undefined;
  /** False: what fails in passing is the caller's to deal with. @default true */
  readonly isRetried?: boolean;
  /** @default the session's */
  readonly responseTimeoutMs?: number;
}

/** An answer, and the address that gave it after all redirects. */
export interface RegistryAnswer {
  readonly response: Response;
  readonly url: URL;
}

/** Where a registry is that answers under another name. */
const ENDPOINTS: Readonly<Record<string, string>> = { "docker.io": "registry-1.docker.io" };
const TRANSIENT_STATUSES: ReadonlySet<number> = new Set([408, 429, 500, 502, 503, 504]);
const RETRY_AFTER_MAX_MS = 30_000;
const PROBE_TIMEOUT_MS = 5000;

/** What token servers call reading a repository. */
export function pullScope(repository: string): string {
  return `repository:${repository}:pull`;
}

/** What token servers call writing to a repository. */
export function pushScope(repository: string): string {
  return `repository:${repository}:pull,push`;
}

/** What token servers call deleting from a repository. */
export function deleteScope(repository: string): string {
  return `repository:${repository}:pull,delete`;
}

/** Milliseconds of a `Retry-After`, in seconds or as a date. */
function retryAfterMs(response: Response, now: () => number): number | undefined {
  const text = response.headers.get("retry-after") ?? "";
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1000;
  const date = Date.parse(text);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now());
}

/** Requests to one registry: where it answers, who we are, and a second try where that may help. Holds tokens, no connection. */
export class RegistrySession {
  readonly host: string;
  readonly #options: Required<Omit<RegistrySessionOptions, "credentials" | "certificates" | "proxy">> &
    Pick<RegistrySessionOptions, "certificates" | "proxy">;
  readonly #authorizer: Authorizer;
  #base: Promise<URL> | undefined;
  #hasAnswered = false;

  constructor(options: RegistrySessionOptions) {
    this.host = options.host;
    const defaults = {
      isInsecure: false,
      responseTimeoutMs: 30_000,
      stallTimeoutMs: 30_000,
      retryDelaysMs: [500, 1000, 2000, 4000, 8000],
      random: () => 1,
      wantsIdentityToken: false,
    };
    this.#options = { ...defaults, ...options };
    this.#authorizer = new Authorizer({ ...this.#options, credentials: options.credentials });
  }

  /** What a token server gave to be kept in the password's place. */
  get identityToken(): string | undefined {
    return this.#authorizer.identityToken;
  }

  /** How bodies of answers are read. */
  bodyOptions(signal: AbortSignal | undefined) {
    return { stallTimeoutMs: this.#options.stallTimeoutMs, signal };
  }

  get retryDelaysMs(): readonly number[] {
    return this.#options.retryDelaysMs;
  }

  /** The wait before the next try after `attempt` failed ones; undefined to give up. */
  delayMs(attempt: number): number | undefined {
    const planned = this.#options.retryDelaysMs[attempt];
    return planned === undefined ? undefined : jittered(planned, this.#options.random);
  }

  /** @throws `cancelled` when `signal` fires. */
  async pause(delayMs: number, signal: AbortSignal | undefined): Promise<void> {
    try {
      await sleep(delayMs, undefined, signal === undefined ? {} : { signal });
    } catch (error) {
      if (signal?.aborted) throw cancelledError(`request to registry ${this.host}`, signal);
      throw error;
    }
  }

  /** Where the registry answers; for an insecure one HTTPS if it speaks that, else plain HTTP (as Docker does). */
  base(signal?: AbortSignal): Promise<URL> {
    this.#base ??= this.#findBase(signal).catch((error) => {
      this.#base = undefined;
      throw error;
    });
    return this.#base;
  }

  async #findBase(signal: AbortSignal | undefined): Promise<URL> {
    const { isInsecure, responseTimeoutMs, certificates, proxy } = this.#options;
    const address = `https://${ENDPOINTS[comparableHost(this.host)] ?? this.host}/v2/`;
    if (!URL.canParse(address)) {
      throw new GantryError(
        "invalid-argument",
        `cannot ask registry ${this.host}: that is no host with a port up to 65535`,
        {
          hint: "write the registry as HOST[:PORT], as in registry.example.com:5000",
        },
      );
    }
    const secure = new URL(address);
    if (!isInsecure) return secure;
    const timeout = { responseTimeoutMs: Math.min(responseTimeoutMs, PROBE_TIMEOUT_MS) };
    const result = await exchange({ url: secure }, { isInsecure, signal, certificates, proxy, ...timeout });
    if ("failure" in result) return new URL(`http://${secure.host}/v2/`);
    await result.response.body?.cancel();
    return secure;
  }

  /**
   * Sends a request, with tokens and retries. Answers of any lasting status are returned.
   *
   * @throws `unavailable` if no answer came, `permission-denied` if the credentials are refused, `cancelled`.
   */
  async request(request: RegistryRequest): Promise<RegistryAnswer> {
    const { signal, isRetried = true } = request;
    let hasProvenItself = false;
    for (let attempt = 0; ; ) {
      const result = await this.#send(request);
      if ("response" in result) {
        this.#hasAnswered = true;
        const isChallenge = result.response.status === 401 && !hasProvenItself;
        if (isChallenge) {
          hasProvenItself = true;
          if (await this.#answerChallenge(result, request)) continue;
        }
        if (!isRetried || !TRANSIENT_STATUSES.has(result.response.status)) return result;
      }
      const delayMs = isRetried ? this.#delayAfter(result, attempt++) : undefined;
      if (delayMs === undefined) {
        if ("failure" in result) throw result.failure;
        return result;
      }
      if ("response" in result) await result.response.body?.cancel();
      await this.pause(delayMs, signal);
    }
  }

  async #send(request: RegistryRequest): Promise<HttpResult> {
    const { scope, signal, method, body, target } = request;
    const { isInsecure, certificates, proxy } = this.#options;
    const base = await this.base(signal);
    const url = typeof target === "string" ? new URL(target, base) : target;
    // Where an upload goes on elsewhere, credentials do not.
    const authorization = url.origin === base.origin ? this.#authorizer.header(scope) : undefined;
    return await exchange(
      {
        url,
        headers: { ...request.headers, ...(authorization === undefined ? {} : { authorization }) },
        ...(method === undefined ? {} : { method }),
        ...(body === undefined ? {} : { body }),
      },
      {
        isInsecure,
        certificates,
        proxy,
        signal,
        responseTimeoutMs: request.responseTimeoutMs ?? this.#options.responseTimeoutMs,
      },
    );
  }

  /** True if there is something to try now. Only the registry itself may ask for credentials: where it redirects to gets none. */
  async #answerChallenge({ response, url }: RegistryAnswer, { scope, signal }: RegistryRequest): Promise<boolean> {
    if (url.origin !== (await this.base(signal)).origin) return false;
    this.#authorizer.forget(scope);
    const header = await this.#authorizer.answer(response.headers.get("www-authenticate") ?? "", scope, signal);
    if (header === undefined) return false;
    await response.body?.cancel();
    return true;
  }

  /** How long to wait before the next try; undefined to let it be. */
  #delayAfter(result: HttpResult, attempt: number): number | undefined {
    const planned = this.delayMs(attempt);
    if (planned === undefined) return undefined;
    if ("failure" in result) {
      // Who answered before and refuses connections now is being restarted.
      const isWorthIt = result.isTransient || (this.#hasAnswered && result.isRefused === true);
      return isWorthIt ? planned : undefined;
    }
    const wanted = retryAfterMs(result.response, this.#options.now) ?? planned;
    return wanted > RETRY_AFTER_MAX_MS ? undefined : wanted;
  }
}
