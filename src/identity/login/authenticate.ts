import { WrongCredentials } from "../access-problem.ts";
import type { AskedBy, Identity } from "../identity.ts";
import { type AccessRules, isOpen } from "../rules/access-rules.ts";
import { isStillGood } from "../tokens/login-mark.ts";
import type { TokenService } from "../tokens/token-service.ts";
import { findCertificateUser } from "./client-certificate.ts";
import { type Credentials, parseAuthorization } from "./parse-authorization.ts";
import type { PasswordCheck } from "./password-check.ts";

export interface AuthenticateParts {
  readonly rules: AccessRules;
  readonly passwords: PasswordCheck;
  readonly tokens: TokenService;
}

async function byToken(token: string, address: string, { rules, tokens }: AuthenticateParts): Promise<Identity> {
  const { name, scopes, ...note } = await tokens.verify(token);
  const user = name === undefined ? undefined : rules.users.get(name);
  if (name !== undefined && user === undefined) throw new WrongCredentials(`there is no user ${name} any more`);
  if (user !== undefined && !isStillGood(user, note)) {
    throw new WrongCredentials(
      `the token is of before ${user.name}'s were revoked or the password changed`,
      "log in again",
    );
  }
  return { name, groups: user?.groups ?? [], method: "token", scopes, address };
}

async function byPassword(
  { name, password }: Extract<Credentials, { readonly kind: "basic" }>,
  address: string,
  { rules, passwords }: AuthenticateParts,
): Promise<Identity> {
  const isRight = await passwords.check({ name, password, address }, rules.users);
  if (!isRight) throw new WrongCredentials("unknown user, or wrong password");
  return { name, groups: rules.users.get(name)?.groups ?? [], method: "basic", address };
}

/** Who asks, by these rules; limits aside. @throws WrongCredentials, TooManyRequests */
export async function authenticate(asked: AskedBy, parts: AuthenticateParts): Promise<Identity> {
  const { authorization, certificate, address } = asked;
  const { rules } = parts;
  if (isOpen(rules)) return { name: undefined, groups: [], method: "anonymous", address };
  if (authorization !== undefined) {
    const credentials = parseAuthorization(authorization);
    if (credentials?.kind === "bearer") return await byToken(credentials.token, address, parts);
    if (credentials?.kind === "basic") return await byPassword(credentials, address, parts);
    throw new WrongCredentials("the Authorization header is neither Basic nor Bearer with what belongs to it");
  }
  const name = certificate === undefined ? undefined : findCertificateUser(rules, certificate);
  if (name === undefined) return { name: undefined, groups: [], method: "anonymous", address };
  return { name, groups: rules.users.get(name)?.groups ?? [], method: "certificate", address };
}
