import type { State } from "../state/state.ts";
import type { AuditSink } from "./audit.ts";
import type { StorageUsage } from "./decide-storage.ts";
import type { AskedBy, Decision, Identity } from "./identity.ts";
import type { ChallengeOptions } from "./login/format-challenge.ts";
import type { RepositoryAction, Scope } from "./scope.ts";
import type { TokenAnswer, TokenRequest } from "./tokens/grant-token.ts";

/** Who may do what with a registry. Every decision is told to the audit. */
export interface Access {
  /**
   * Finds out who asks: by a token, a name and a password, or a verified certificate; anonymous without any of them, and whatever is sent
   * while there are no users. The rules are read again if their file has changed.
   *
   * @throws WrongCredentials (401), TooManyRequests (429)
   */
  authenticate(asked: AskedBy): Promise<Identity>;
  /** False if `GET /v2/` is to be answered with a challenge: clients look nowhere else to learn that there is a log-in. */
  mayEnter(identity: Identity): boolean;
  /** Whether one may do something with a repository. A name that is no repository's is not looked at. */
  decide(identity: Identity, action: RepositoryAction, repository: string): Decision;
  /** Whether one may list the catalogue, which shows only what is `visible`. */
  decideCatalog(identity: Identity): Decision;
  /** Those of `names` that one may pull. Not audited one by one. */
  visible(identity: Identity, names: readonly string[]): readonly string[];
  /**
   * Counts a request to a repository.
   *
   * @throws TooManyRequests if there are more than its limit allows.
   */
  admit(identity: Identity, repository: string): void;
  /**
   * Whether quotas leave room for so many more bytes: those of whoever made the repository, or of whoever asks if it is not there yet. Only
   * a refusal is audited, and not that of a probe: this is asked while bytes arrive.
   */
  mayStore(identity: Identity, repository: string, options: MayStoreOptions): Decision;
  /** The value of `WWW-Authenticate` for a request that needs `scopes`. */
  challenge(scopes: readonly Scope[], options: Omit<ChallengeOptions, "service">): string;
  /**
   * Answers GET and POST of the token service with what of the asked scopes is allowed; less than was asked for is no error.
   *
   * @throws WrongCredentials (401), TooManyRequests (429), `invalid-argument` (400)
   */
  token(request: TokenRequest): Promise<TokenAnswer>;
}

export interface MayStoreOptions {
  /** How many more bytes; 0 asks for a new repository's sake alone. */
  readonly bytes: number;
  readonly usage: StorageUsage;
  /** Nobody is refused because of the answer. @default false */
  readonly isProbe?: boolean;
}

/** What access rules are opened with. */
export interface OpenAccessOptions {
  /** `access.toml`; where there is none, everybody may do everything. */
  readonly path: string;
  /** Where the keys of tokens are kept, in a file of their own. */
  readonly folder: string;
  /** Holds refresh tokens; its clock is the one that counts. */
  readonly state: State;
  /** The registry's name: issuer and audience of its tokens, `service` in challenges. */
  readonly service: string;
  readonly randomBytes: (count: number) => Uint8Array;
  /** Is told what an administrator should know, in one sentence. */
  readonly warn: (sentence: string) => void;
  /** Takes each decision. @default nothing is written */
  readonly audit?: AuditSink;
}
