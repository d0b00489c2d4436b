import { GantryError } from "../../errors/gantry-error.ts";
import { WrongCredentials } from "../access-problem.ts";
import type { AskedBy, Identity } from "../identity.ts";
import type { AccessRules, User } from "../rules/access-rules.ts";
import { formatScope, parseScopes, SCOPES_MAX, type Scope } from "../scope.ts";
import { loginMarkOf } from "./login-mark.ts";
import type { RefreshTokens } from "./refresh-tokens.ts";
import { TOKEN_LIFE_SECONDS, type TokenService } from "./token-service.ts";

/** How much of what a client sent is told back to it. */
const TEXT_LENGTH_SHOWN = 256;

/** A request to the token service. */
export interface TokenRequest {
  readonly method: "GET" | "POST";
  /** The query of a GET, the form of a POST. */
  readonly parameters: URLSearchParams;
  readonly asked: AskedBy;
}

/** The body to answer with, as JSON (distribution's docs/content/spec/auth/token.md and oauth.md). */
export interface TokenAnswer {
  readonly token: string;
  readonly access_token: string;
  readonly expires_in: number;
  readonly issued_at: string;
  /** What was granted. */
  readonly scope: string;
  readonly refresh_token?: string;
}

/** What granting needs to know; `openAccess` gives it. */
export interface GrantTokenParts {
  readonly service: string;
  readonly tokens: TokenService;
  readonly refreshTokens: RefreshTokens;
  readonly rules: () => AccessRules;
  readonly authenticate: (asked: AskedBy) => Promise<Identity>;
  /** The error for a refresh token that is refused, which the audit hears of. */
  readonly refused: (asked: AskedBy, reason: string) => WrongCredentials;
  /** What of a scope is allowed; undefined if nothing is. */
  readonly grant: (identity: Identity, scope: Scope) => Scope | undefined;
}

function invalid(message: string): GantryError {
  return new GantryError("invalid-argument", `cannot give a token: ${message}`);
}

function readScopes(texts: readonly string[]): readonly Scope[] {
  const scopes = parseScopes(texts.join(" "));
  if (scopes.length > SCOPES_MAX)
    throw invalid(`${scopes.length} scopes are more than the ${SCOPES_MAX} that one may hold`);
  return scopes;
}

/** Who asks for a token, and the refresh token that goes on with it. */
interface Asking {
  readonly identity: Identity;
  readonly refreshToken?: string;
}

async function byPassword({ parameters, asked }: TokenRequest, parts: GrantTokenParts): Promise<Asking> {
  const name = parameters.get("username");
  const password = parameters.get("password");
  if (name === null || password === null) throw invalid("grant_type password needs username and password");
  const pair = Buffer.from(`${name}:${password}`, "utf8").toString("base64");
  return { identity: await parts.authenticate({ address: asked.address, authorization: `Basic ${pair}` }) };
}

async function byRefreshToken({ parameters, asked }: TokenRequest, parts: GrantTokenParts): Promise<Asking> {
  const token = parameters.get("refresh_token");
  if (token === null) throw invalid("grant_type refresh_token needs a refresh_token");
  // For the limits on this address, before anything is looked up.
  await parts.authenticate({ address: asked.address });
  const user = parts.refreshTokens.redeem(token, parts.service, parts.rules().users);
  if (user === undefined) throw parts.refused(asked, "the refresh token is no good, or no longer");
  const { name, groups } = user;
  return { identity: { name, groups, method: "token", address: asked.address }, refreshToken: token };
}

async function whoAsks(request: TokenRequest, parts: GrantTokenParts): Promise<Asking> {
  if (request.method === "GET") {
    if (/^bearer /i.test(request.asked.authorization ?? "")) {
      // Else a short-lived token could go on for ever.
      throw new WrongCredentials("a token does not get another one", "send a name and a password");
    }
    return { identity: await parts.authenticate(request.asked) };
  }
  const kind = request.parameters.get("grant_type");
  if (kind === "password") return await byPassword(request, parts);
  if (kind === "refresh_token") return await byRefreshToken(request, parts);
  throw invalid(
    `grant_type ${JSON.stringify(kind?.slice(0, TEXT_LENGTH_SHOWN) ?? "")} is not supported: password and refresh_token are`,
  );
}

function isOfflineWanted({ method, parameters }: TokenRequest): boolean {
  return method === "GET" ? parameters.get("offline_token") === "true" : parameters.get("access_type") === "offline";
}

function refreshTokenFor(
  request: TokenRequest,
  { user, refreshToken }: Asking & { readonly user: User | undefined },
  parts: GrantTokenParts,
): string | undefined {
  if (refreshToken !== undefined) return refreshToken;
  if (user === undefined || !isOfflineWanted(request)) return undefined;
  const clientId = request.parameters.get("client_id") ?? "";
  return parts.refreshTokens.issue({ user, service: parts.service, clientId });
}

/** Answers a request for a token: the asked scopes, as far as they are allowed. */
export async function grantToken(request: TokenRequest, parts: GrantTokenParts): Promise<TokenAnswer> {
  const { parameters } = request;
  const service = parameters.get("service");
  if (service !== null && service !== parts.service) {
    throw invalid(`service ${JSON.stringify(service.slice(0, TEXT_LENGTH_SHOWN))} is not this one, ${parts.service}`);
  }
  const scopes = readScopes(parameters.getAll("scope"));
  // As they were before the password was looked at: what it is changed to meanwhile is not what was shown.
  const { users } = parts.rules();
  const asking = await whoAsks(request, parts);
  const { identity } = asking;
  const granted = scopes.flatMap((scope) => parts.grant(identity, scope) ?? []);
  const user = users.get(identity.name ?? "");
  const mark = user === undefined ? "" : loginMarkOf(user);
  const { token, issuedAtMs } = await parts.tokens.issue({ name: identity.name, scopes: granted, mark });
  const refreshToken = refreshTokenFor(request, { ...asking, user }, parts);
  return {
    token,
    access_token: token,
    expires_in: TOKEN_LIFE_SECONDS,
    issued_at: new Date(issuedAtMs).toISOString(),
    scope: granted.map(formatScope).join(" "),
    ...(refreshToken === undefined ? {} : { refresh_token: refreshToken }),
  };
}
