import { errorCode } from "../../errors/error-code.ts";
import { GantryError } from "../../errors/gantry-error.ts";
import { trustedAuthorities } from "../../platform/trusted-authorities.ts";

/** A request to a registry, or to where it redirects. */
export interface HttpRequest {
  readonly url: URL;
  /** @default "GET" */
  readonly method?: HttpMethod;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: HttpBody;
}

export type HttpMethod = "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE";

/** What is sent: text, bytes, or a stream of known length that can be opened anew for each try. */
export type HttpBody = string | Uint8Array | StreamedBody;

export interface StreamedBody {
  readonly sizeBytes: number;
  open(): AsyncIterable<Uint8Array>;
}

/** Certificates for one registry, in PEM, as Docker's `certs.d` has them. */
export interface RegistryCertificates {
  /** Trusted in addition to those that this program trusts. */
  readonly authorities: readonly string[];
  /** Shown to a registry that asks who we are. */
  readonly client?: { readonly certificate: string; readonly key: string };
}

export interface HttpExchangeOptions {
  /** True if plain HTTP, and any certificate, will do. */
  readonly isInsecure: boolean;
  /** How long the answer's head may take; while a body is sent, how long the other side may take none of it. */
  readonly responseTimeoutMs: number;
  readonly certificates?: RegistryCertificates | undefined;
  /** The proxy to go through; `direct` for none. @default what the environment says */
  readonly proxy?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What came of a request: an answer of whichever status, or none. */
export type HttpResult =
  | { readonly response: Response; readonly url: URL }
  | {
      readonly failure: GantryError;
      /** Trying again may help. */
      readonly isTransient: boolean;
      /** Nobody listens there now. */
      readonly isRefused?: boolean;
    };

const REDIRECTS_MAX = 10;
const REDIRECT_STATUSES: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
/** Those that keep method and body (RFC 9110, section 15.4). */
const REPEATING_STATUSES: ReadonlySet<number> = new Set([307, 308]);

const CERTIFICATE_HINT =
  "give it a certificate that this host trusts, or set `insecure = true` for it in registries.toml";

/** Error codes of the network → what happened, what to do, and whether trying again may help. */
const FAILURES: Readonly<Record<string, readonly [string, string | undefined, boolean]>> = {
  ENOTFOUND: ["no such host", "check its name, and that this host can resolve names", false],
  EAI_AGAIN: ["its name cannot be resolved now", "check this host's DNS", true],
  ECONNREFUSED: ["connection refused", "is it running, and the port right?", false],
  ConnectionRefused: ["connection refused", "is it running, and the port right?", false],
  EHOSTUNREACH: ["no route to host", "check this host's network", false],
  ENETUNREACH: ["network is unreachable", "check this host's network", false],
  EPROTO: ["it does not speak HTTPS", "for plain HTTP set `insecure = true` for it in registries.toml", false],
  DEPTH_ZERO_SELF_SIGNED_CERT: ["its certificate is self-signed", CERTIFICATE_HINT, false],
  SELF_SIGNED_CERT_IN_CHAIN: ["its certificate's issuer is not trusted", CERTIFICATE_HINT, false],
  UNABLE_TO_GET_ISSUER_CERT: ["its certificate's issuer is not known", CERTIFICATE_HINT, false],
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: ["its certificate's issuer is not known", CERTIFICATE_HINT, false],
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: ["its certificate cannot be verified", CERTIFICATE_HINT, false],
  CERT_HAS_EXPIRED: ["its certificate has expired", CERTIFICATE_HINT, false],
  ERR_TLS_CERT_ALTNAME_INVALID: ["its certificate is for another name", CERTIFICATE_HINT, false],
};

/** What happened to a connection, in words; undefined for what is not known by its code. */
export function networkReason(cause: unknown): string | undefined {
  return FAILURES[errorCode(cause) ?? ""]?.[0];
}

function describeFailure(url: URL, cause: unknown): HttpResult {
  const code = errorCode(cause) ?? "";
  const [what, hint, isTransient] = FAILURES[code] ?? ["the connection broke", undefined, true];
  const failure = new GantryError("unavailable", `cannot reach registry ${url.host}: ${what}`, {
    ...(hint === undefined ? {} : { hint }),
    cause: cause instanceof Error && !(code in FAILURES) ? cause : undefined,
  });
  return { failure, isTransient, isRefused: code === "ECONNREFUSED" || code === "ConnectionRefused" };
}

/** The error of work that was called off. */
export function cancelledError(what: string, signal: AbortSignal): GantryError {
  return new GantryError("cancelled", `${what} was cancelled`, { cause: signal.reason });
}

/** A streamed body on its way: what went wrong at its source is kept, since `fetch` tells only that something did. */
class SentBody {
  readonly stream: ReadableStream<Uint8Array>;
  failure: unknown;
  readonly #pieces: AsyncIterator<Uint8Array>;
  #isStopped = false;

  /** @param onTaken is told whenever the connection has room for a piece. */
  constructor(body: StreamedBody, onTaken: () => void) {
    this.#pieces = body.open()[Symbol.asyncIterator]();
    this.stream = new ReadableStream<Uint8Array>(
      {
        pull: async (controller) => {
          onTaken();
          const piece = await this.#next();
          // Cancelled meanwhile: nobody takes it, and the controller may be closed already.
          if (this.#isStopped) return;
          if (piece === undefined) controller.close();
          else controller.enqueue(piece);
        },
        cancel: () => this.stop(),
      },
      { highWaterMark: 0 },
    );
  }

  async #next(): Promise<Uint8Array | undefined> {
    try {
      const { done, value } = await this.#pieces.next();
      return done === true ? undefined : value;
    } catch (error) {
      this.failure ??= error;
      throw error;
    }
  }

  /** Nobody reads the rest: lets go of the source. Idempotent. */
  stop(): void {
    if (this.#isStopped) return;
    this.#isStopped = true;
    this.#pieces.return?.().catch(() => undefined);
  }
}

function tlsOptions(url: URL, { isInsecure, certificates }: HttpExchangeOptions): object {
  if (url.protocol !== "https:") return {};
  const { authorities = [], client } = certificates ?? {};
  return {
    tls: {
      ...(isInsecure ? { rejectUnauthorized: false } : { ca: [...trustedAuthorities(), ...authorities] }),
      ...(client === undefined ? {} : { cert: client.certificate, key: client.key }),
    },
  };
}

function proxyOptions({ proxy }: HttpExchangeOptions): object {
  if (proxy === undefined) return {};
  // An empty text would mean the environment's.
  return { proxy: proxy === "direct" ? false : proxy };
}

async function send(request: HttpRequest, options: HttpExchangeOptions): Promise<HttpResult> {
  const { url, body } = request;
  const timeout = new AbortController();
  const timer = setTimeout(() => timeout.abort(), options.responseTimeoutMs);
  const isStreamed = typeof body === "object" && "open" in body;
  const sent = isStreamed ? new SentBody(body, () => timer.refresh()) : undefined;
  const length: Record<string, string> = isStreamed ? { "content-length": String(body.sizeBytes) } : {};
  try {
    const response = await fetch(url.href, {
      method: request.method ?? "GET",
      // The bytes are wanted as they are stored, whatever proxies would like to do.
      headers: { "user-agent": "gantry", "accept-encoding": "identity", ...request.headers, ...length },
      redirect: "manual",
      signal: options.signal === undefined ? timeout.signal : AbortSignal.any([options.signal, timeout.signal]),
      decompress: false,
      timeout: false,
      ...(body === undefined ? {} : { body: sent?.stream ?? body }),
      ...tlsOptions(url, options),
      ...proxyOptions(options),
    } as RequestInit);
    return { response, url };
  } catch (cause) {
    if (options.signal?.aborted) throw cancelledError(`request to registry ${url.host}`, options.signal);
    if (sent?.failure !== undefined) throw sent.failure;
    if (!timeout.signal.aborted) return describeFailure(url, cause);
    const seconds = options.responseTimeoutMs / 1000;
    const failure = new GantryError("unavailable", `registry ${url.host} did not answer within ${seconds} s`);
    return { failure, isTransient: true };
  } finally {
    clearTimeout(timer);
    sent?.stop();
  }
}

function redirectTarget(from: URL, location: string | null, options: HttpExchangeOptions): URL | GantryError {
  const refuse = (problem: string): GantryError =>
    new GantryError("unavailable", `registry ${from.host} redirects ${problem}`);
  if (location === null || !URL.canParse(location, from.href)) return refuse("to nowhere");
  const target = new URL(location, from);
  // `fetch` here opens file: and data: addresses too, which a registry must not make it do.
  if (target.protocol !== "https:" && target.protocol !== "http:") return refuse(`to a ${target.protocol} address`);
  const isDowngrade = from.protocol === "https:" && target.protocol === "http:";
  if (isDowngrade && !options.isInsecure) return refuse("from HTTPS to plain HTTP");
  if (target.username !== "" || target.password !== "") return refuse("to an address with credentials");
  return target;
}

function isRedirect({ status }: Response, { body }: HttpRequest): boolean {
  return (body === undefined ? REDIRECT_STATUSES : REPEATING_STATUSES).has(status);
}

/**
 * Sends a request and follows redirects; `Authorization` goes to the first request's origin alone. The body of the answer
 * is the caller's to read or cancel.
 *
 * @throws `cancelled` when `signal` fires; every other failure is a result.
 */
export async function exchange(request: HttpRequest, options: HttpExchangeOptions): Promise<HttpResult> {
  let { url, headers = {} } = request;
  for (let hops = 0; hops <= REDIRECTS_MAX; hops++) {
    const result = await send({ ...request, url, headers }, options);
    if (!("response" in result) || !isRedirect(result.response, request)) return result;
    await result.response.body?.cancel();
    const target = redirectTarget(url, result.response.headers.get("location"), options);
    if (target instanceof GantryError) return { failure: target, isTransient: false };
    if (target.origin !== request.url.origin) {
      headers = Object.fromEntries(Object.entries(headers).filter(([name]) => name.toLowerCase() !== "authorization"));
    }
    url = target;
  }
  const failure = new GantryError(
    "unavailable",
    `registry ${request.url.host} redirects more than ${REDIRECTS_MAX} times`,
  );
  return { failure, isTransient: false };
}
