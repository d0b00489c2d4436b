import { GantryError } from "../../errors/gantry-error.ts";

/** A request to a registry, or to where it redirects. */
export interface HttpRequest {
  readonly url: URL;
  /** @default "GET" */
  readonly method?: "GET" | "HEAD" | "POST";
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface HttpExchangeOptions {
  /** True if plain HTTP, and any certificate, will do. */
  readonly isInsecure: boolean;
  /** How long the answer's head may take. */
  readonly responseTimeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** What came of a request: an answer of whichever status, or none. */
export type HttpResult =
  | { readonly response: Response; readonly url: URL }
  | { readonly failure: GantryError; readonly isTransient: boolean };

const REDIRECTS_MAX = 10;
const REDIRECT_STATUSES: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

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

function describeFailure(url: URL, cause: unknown): HttpResult {
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
  const [what, hint, isTransient] = FAILURES[code] ?? ["the connection broke", undefined, true];
  const failure = new GantryError("unavailable", `cannot reach registry ${url.host}: ${what}`, {
    ...(hint === undefined ? {} : { hint }),
    cause: cause instanceof Error && !(code in FAILURES) ? cause : undefined,
  });
  return { failure, isTransient };
}

/** The error of work that was called off. */
export function cancelledError(what: string, signal: AbortSignal): GantryError {
  return new GantryError("cancelled", `${what} was cancelled`, { cause: signal.reason });
}

async function send(request: HttpRequest, options: HttpExchangeOptions): Promise<HttpResult> {
  const { url } = request;
  const timeout = new AbortController();
  const timer = setTimeout(() => timeout.abort(), options.responseTimeoutMs);
  try {
    const response = await fetch(url.href, {
      method: request.method ?? "GET",
      // The bytes are wanted as they are stored, whatever proxies would like to do.
      headers: { "user-agent": "gantry", "accept-encoding": "identity", ...request.headers },
      redirect: "manual",
      signal: options.signal === undefined ? timeout.signal : AbortSignal.any([options.signal, timeout.signal]),
      decompress: false,
      timeout: false,
      ...(request.body === undefined ? {} : { body: request.body }),
      ...(options.isInsecure ? { tls: { rejectUnauthorized: false } } : {}),
    } as RequestInit);
    return { response, url };
  } catch (cause) {
    if (options.signal?.aborted) throw cancelledError(`request to registry ${url.host}`, options.signal);
    if (!timeout.signal.aborted) return describeFailure(url, cause);
    const seconds = options.responseTimeoutMs / 1000;
    const failure = new GantryError("unavailable", `registry ${url.host} did not answer within ${seconds} s`);
    return { failure, isTransient: true };
  } finally {
    clearTimeout(timer);
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
    if (!("response" in result) || !REDIRECT_STATUSES.has(result.response.status)) return result;
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
