import { afterEach, beforeEach } from "bun:test";
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Access } from "../../src/identity/access.ts";
import { IDENTITY_MIGRATIONS } from "../../src/identity/identity-migrations.ts";
import { openAccess } from "../../src/identity/open-access.ts";
import type { RepositoryAction } from "../../src/identity/scope.ts";
import { hashBcrypt } from "../../src/platform/password.ts";
import { State } from "../../src/state/state.ts";

export const START_MS = Date.UTC(2030, 0, 1);
export const ADDRESS = "192.0.2.1";
/** Of `secret`. */
export const HASH = await hashBcrypt("secret", 4);
/** Users have what is theirs, the team has `team/*`, everybody may pull what is public. */
export const RIGHTS = `
[[rights]]
users = ["*"]
repositories = ["{user}/**"]
actions = ["*"]
[[rights]]
groups = ["team"]
repositories = ["team/*"]
actions = ["pull", "push"]
[[rights]]
anonymous = true
repositories = ["public/**"]
actions = ["pull"]
`;
export const RULES = `
[users.alice]
password = "${HASH}"
groups = ["team"]
certificates = ["URI=spiffe://example.org/alice"]
[users.bob]
password = "${HASH}"
${RIGHTS}`;

/** For each test of a file the rights of a registry, with a clock that the test moves. */
export class AccessFixture {
  folder = "";
  nowMs = START_MS;
  audit: string[] = [];
  warnings: string[] = [];
  #state: State | undefined;
  #drawn = 0;

  /** To be called where a file's tests are declared. */
  static forEachTest(): AccessFixture {
    const fixture = new AccessFixture();
    beforeEach(() => fixture.#begin());
    afterEach(() => fixture.#end());
    return fixture;
  }

  #begin(): void {
    this.folder = mkdtempSync(join(tmpdir(), "gantry-access-"));
    this.nowMs = START_MS;
    this.audit = [];
    this.warnings = [];
    this.#state = State.open(join(this.folder, "state.db"), {
      migrations: IDENTITY_MIGRATIONS,
      now: () => this.nowMs,
    });
  }

  #end(): void {
    this.state.close();
    rmSync(this.folder, { recursive: true, force: true });
  }

  get state(): State {
    if (this.#state === undefined) throw new Error("no test runs");
    return this.#state;
  }

  /** Opens what a file says, after `rules` were written to it, if they are given. */
  async open(rules?: string, path: string = join(this.folder, "access.toml")): Promise<Access> {
    if (rules !== undefined) writeFileSync(path, rules);
    return await openAccess({
      path,
      folder: this.folder,
      state: this.state,
      service: "registry.lan",
      randomBytes: (count) => this.#randomBytes(count),
      warn: (sentence) => this.warnings.push(sentence),
      audit: (line) => this.audit.push(line),
    });
  }

  write(rules: string): void {
    writeFileSync(join(this.folder, "access.toml"), rules);
  }

  /** Never the same bytes twice, and the same in each run. */
  #randomBytes(count: number): Uint8Array {
    this.#drawn += 1;
    return createHash("sha256").update(String(this.#drawn)).digest().subarray(0, count);
  }
}

export function basic(
  name: string,
  password = "secret",
  address = ADDRESS,
): { readonly authorization: string; readonly address: string } {
  return { authorization: `Basic ${Buffer.from(`${name}:${password}`).toString("base64")}`, address };
}

export function bearer(token: string): { readonly authorization: string; readonly address: string } {
  return { authorization: `Bearer ${token}`, address: ADDRESS };
}

/** What a promise fails with; undefined if it does not. */
export async function failure(work: Promise<unknown>): Promise<unknown> {
  return await work.then(
    () => undefined,
    (error: unknown) => error,
  );
}

/** Which wishes somebody has granted. */
export async function allowed(
  access: Access,
  asked: Parameters<Access["authenticate"]>[0],
  wishes: readonly (readonly [RepositoryAction, string])[],
): Promise<readonly boolean[]> {
  const identity = await access.authenticate(asked);
  return wishes.map(([action, repository]) => access.decide(identity, action, repository).isAllowed);
}
