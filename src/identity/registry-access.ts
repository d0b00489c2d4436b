import { createHash } from "node:crypto";
import { join } from "node:path";
import { isGantryError } from "../errors/gantry-error.ts";
import type { Access, MayStoreOptions, OpenAccessOptions } from "./access.ts";
import { TooManyRequests, WrongCredentials } from "./access-problem.ts";
import { type AuditRecord, formatAuditRecord } from "./audit.ts";
import { decide, decideCatalog, type RepositoryRequest } from "./decide.ts";
import { decideStorage } from "./decide-storage.ts";
import type { AskedBy, Decision, Identity } from "./identity.ts";
import { authenticate } from "./login/authenticate.ts";
import { clientOf } from "./login/client-address.ts";
import { type ChallengeOptions, formatChallenge } from "./login/format-challenge.ts";
import { PasswordCheck } from "./login/password-check.ts";
import { RateLimiter } from "./rate-limiter.ts";
import { includes, isOpen, type RateLimit } from "./rules/access-rules.ts";
import { matchesRepository } from "./rules/repository-pattern.ts";
import { RulesFile } from "./rules/rules-file.ts";
import type { RepositoryAction, Scope } from "./scope.ts";
import { grantToken, type TokenAnswer, type TokenRequest } from "./tokens/grant-token.ts";
import { RefreshTokens } from "./tokens/refresh-tokens.ts";
import { TokenKeys } from "./tokens/token-keys.ts";
import { TokenService } from "./tokens/token-service.ts";

/** The access rules of a registry, put together of their parts. */
export class RegistryAccess implements Access {
  readonly #options: OpenAccessOptions;
  readonly #rules: RulesFile;
  readonly #passwords: PasswordCheck;
  readonly #tokens: TokenService;
  readonly #refreshTokens: RefreshTokens;
  readonly #limiter: RateLimiter;

  /** @throws as `openAccess` */
  static async open(options: OpenAccessOptions): Promise<RegistryAccess> {
    const rules = new RulesFile({ path: options.path, warn: options.warn });
    const keys = await TokenKeys.open(join(options.folder, "token-keys.json"), options.state.now);
    return new RegistryAccess(options, rules, keys);
  }

  private constructor(options: OpenAccessOptions, rules: RulesFile, keys: TokenKeys) {
    const { service, randomBytes, state } = options;
    const { now } = state;
    this.#options = options;
    this.#rules = rules;
    this.#passwords = new PasswordCheck({ now, randomBytes });
    // Doors of one root share its keys: whom the rules of one call alice may be somebody else by those of another.
    const issuer = `${service}/${createHash("sha256").update(options.path).digest("hex").slice(0, 16)}`;
    this.#tokens = new TokenService({ keys, service, issuer, now, randomBytes });
    this.#refreshTokens = new RefreshTokens(state, randomBytes);
    this.#limiter = new RateLimiter(now);
  }

  async authenticate(asked: AskedBy): Promise<Identity> {
    const rules = this.#rules.current();
    const { address } = asked;
    try {
      this.#limit("address", clientOf(address), () => true);
      const identity = await authenticate(asked, { rules, passwords: this.#passwords, tokens: this.#tokens });
      const { name } = identity;
      if (name !== undefined) this.#limit("user", name, ({ who }) => who === undefined || includes(who, identity));
      return identity;
    } catch (error) {
      if (isGantryError(error)) this.#auditRefused(address, "authenticate", error.message);
      throw error;
    }
  }

  mayEnter(identity: Identity): boolean {
    return identity.method !== "anonymous" || isOpen(this.#rules.latest);
  }

  decide(identity: Identity, action: RepositoryAction, repository: string): Decision {
    return this.#decide(identity, { action, repository });
  }

  decideCatalog(identity: Identity): Decision {
    return this.#decideCatalog(identity);
  }

  visible({ name, groups }: Identity, names: readonly string[]): readonly string[] {
    // A token that lists the catalogue has no scopes for what is in it: its user's rights decide.
    const rules = this.#rules.latest;
    return names.filter((repository) => decide(rules, { name, groups }, { action: "pull", repository }).isAllowed);
  }

  admit(identity: Identity, repository: string): void {
    const matches = ({ repositories }: RateLimit): boolean =>
      repositories?.some((pattern) => matchesRepository(pattern, repository, identity.name)) ?? true;
    this.#limit("repository", repository, matches);
  }

  mayStore(identity: Identity, repository: string, options: MayStoreOptions): Decision {
    const decision = decideStorage(this.#rules.latest, identity, { repository, ...options });
    if (!decision.isAllowed && options.isProbe !== true)
      this.#audit({ who: identity, action: "store", repository, ...decision });
    return decision;
  }

  challenge(scopes: readonly Scope[], options: Omit<ChallengeOptions, "service">): string {
    return formatChallenge(scopes, { ...options, service: this.#options.service });
  }

  async token(request: TokenRequest): Promise<TokenAnswer> {
    return await grantToken(request, {
      service: this.#options.service,
      tokens: this.#tokens,
      refreshTokens: this.#refreshTokens,
      rules: () => this.#rules.current(),
      authenticate: (asked) => this.authenticate(asked),
      grant: (identity, scope) => this.#grant(identity, scope),
      refused: ({ address }, reason) => {
        this.#auditRefused(address, "refresh", reason);
        return new WrongCredentials(reason, "log in again");
      },
    });
  }

  #decide(identity: Identity, request: RepositoryRequest, isForToken = false): Decision {
    const decision = decide(this.#rules.latest, identity, request);
    this.#audit({ who: identity, ...request, isForToken, ...decision });
    return decision;
  }

  #decideCatalog(identity: Identity, isForToken = false): Decision {
    const decision = decideCatalog(this.#rules.latest, identity);
    this.#audit({ who: identity, action: "catalog", isForToken, ...decision });
    return decision;
  }

  #grant(identity: Identity, scope: Scope): Scope | undefined {
    if (scope === "catalog") return this.#decideCatalog(identity, true).isAllowed ? scope : undefined;
    const { repository } = scope;
    const actions = scope.actions.filter((action) => this.#decide(identity, { action, repository }, true).isAllowed);
    return actions.length === 0 ? undefined : { repository, actions };
  }

  #limit(per: RateLimit["per"], key: string, applies: (limit: RateLimit) => boolean): void {
    const limit = this.#rules.latest.limits.find((candidate) => candidate.per === per && applies(candidate));
    if (limit === undefined) return;
    const waitMs = this.#limiter.take(`${per} ${key}`, limit);
    if (waitMs > 0) throw new TooManyRequests(`too many requests of ${per} ${key} (${limit.place})`, waitMs);
  }

  /** Whoever was refused has no name yet: what was claimed may be a password that was typed into the wrong field. */
  #auditRefused(address: string, action: string, reason: string): void {
    this.#audit({ who: { name: undefined, method: "anonymous", address }, action, isAllowed: false, reason });
  }

  #audit(record: AuditRecord): void {
    this.#options.audit?.(formatAuditRecord(record, this.#options.state.now()));
  }
}
