import { jwtVerify, SignJWT } from "jose";
import { WrongCredentials } from "../access-problem.ts";
import { RecentMap } from "../recent-map.ts";
import { decodeAccess, encodeAccess, type Scope } from "../scope.ts";
import type { LoginNote } from "./login-mark.ts";
import { TOKEN_ALGORITHM, type TokenKeys } from "./token-keys.ts";

/** How long a token is good: the specification wants a minute at least. */
export const TOKEN_LIFE_SECONDS = 300;

/** A token may be used by a clock that is a little behind the one that it was made with. */
const CLOCK_SLACK_SECONDS = 10;
const VERIFIED_MAX = 1024;
const VERIFIED_LENGTH_MAX = 4096;

export interface TokenServiceOptions {
  readonly keys: TokenKeys;
  /** The audience: the registry's name. */
  readonly service: string;
  /** Tokens of another issuer are no good, though it may have the same keys and name. */
  readonly issuer: string;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly randomBytes: (count: number) => Uint8Array;
}

/** What a token is to say. */
export interface TokenClaims {
  /** Undefined: anonymous. */
  readonly name: string | undefined;
  readonly scopes: readonly Scope[];
  /** Of what its user logs in with; "" of nobody. */
  readonly mark: string;
}

/** What a token says. */
export interface VerifiedToken extends TokenClaims, LoginNote {}

interface Verified extends VerifiedToken {
  readonly endsAtMs: number;
}

/** Issues and verifies the tokens of Docker's token flow (distribution's docs/content/spec/auth/jwt.md). */
export class TokenService {
  readonly #options: TokenServiceOptions;
  readonly #verified = new RecentMap<string, Verified>(VERIFIED_MAX);

  constructor(options: TokenServiceOptions) {
    this.#options = options;
  }

  async issue({ name, scopes, mark }: TokenClaims): Promise<{ readonly token: string; readonly issuedAtMs: number }> {
    const { keys, service, issuer, now, randomBytes } = this.#options;
    const key = await keys.current();
    const issuedAtMs = now();
    const issuedAt = Math.floor(issuedAtMs / 1000);
    const token = await new SignJWT({ access: encodeAccess(scopes), mark })
      .setProtectedHeader({ typ: "JWT", alg: TOKEN_ALGORITHM, kid: key.id })
      .setIssuer(issuer)
      .setSubject(name ?? "")
      .setAudience(service)
      // With its fraction (RFC 7519, "NumericDate"): one that is given in the second in which others are revoked is good.
      .setIssuedAt(issuedAtMs / 1000)
      .setNotBefore(issuedAt - CLOCK_SLACK_SECONDS)
      .setExpirationTime(issuedAt + TOKEN_LIFE_SECONDS)
      .setJti(Buffer.from(randomBytes(16)).toString("base64url"))
      .sign(key.privateKey);
    return { token, issuedAtMs };
  }

  /** @throws WrongCredentials if the token is not one of ours, or not good at this time. */
  async verify(token: string): Promise<VerifiedToken> {
    const known = this.#verified.get(token);
    if (known !== undefined && this.#options.now() < known.endsAtMs) return known;
    const { keys, service, issuer, now } = this.#options;
    try {
      const { payload } = await jwtVerify(
        token,
        ({ kid }) => {
          const key = keys.find(kid ?? "");
          if (key === undefined) throw new Error("it is signed with a key that is not known");
          return key.publicKey;
        },
        {
          issuer,
          audience: service,
          algorithms: [TOKEN_ALGORITHM],
          requiredClaims: ["exp", "nbf", "iat", "sub", "access", "mark"],
          currentDate: new Date(now()),
        },
      );
      const scopes = decodeAccess(payload.access);
      if (scopes === undefined) throw new Error("its access is none");
      const claims = {
        name: payload.sub === "" ? undefined : payload.sub,
        scopes,
        mark: String(payload.mark),
        issuedMs: Math.round((payload.iat ?? 0) * 1000),
        endsAtMs: (payload.exp ?? 0) * 1000,
      };
      if (token.length <= VERIFIED_LENGTH_MAX) this.#verified.set(token, claims);
      return claims;
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new WrongCredentials(`the token is no good: ${why}`, "get a new one from the token service");
    }
  }
}
