import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hashBcrypt } from "../platform/password.ts";
import { State } from "../state/state.ts";
import type { Access } from "./access.ts";
import { TooManyRequests, WrongCredentials } from "./access-problem.ts";
import { IDENTITY_MIGRATIONS } from "./identity-migrations.ts";
import { openAccess } from "./open-access.ts";
import type { RepositoryAction, Scope } from "./scope.ts";
import { UserAccounts } from "./user-accounts.ts";

const START_MS = Date.UTC(2030, 0, 1);
const ADDRESS = "192.0.2.1";
const HASH = await hashBcrypt("secret", 4);
const RULES = `
[users.alice]
password = "${HASH}"
groups = ["team"]
certificates = ["URI=spiffe://example.org/alice"]
[users.bob]
password = "${HASH}"

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

let folder: string;
let state: State;
let nowMs: number;
let audit: string[];
let warnings: string[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "gantry-access-"));
  nowMs = START_MS;
  audit = [];
  warnings = [];
  state = State.open(join(folder, "state.db"), { migrations: IDENTITY_MIGRATIONS, now: () => nowMs });
});

afterEach(() => {
  state.close();
  rmSync(folder, { recursive: true, force: true });
});

let drawn = 0;
/** Never the same bytes twice, and the same in each run. */
function randomBytes(count: number): Uint8Array {
  drawn += 1;
  return createHash("sha256").update(String(drawn)).digest().subarray(0, count);
}

async function open(rules?: string): Promise<Access> {
  if (rules !== undefined) write(rules);
  return await openAccess({
    path: join(folder, "access.toml"),
    folder,
    state,
    service: "registry.lan",
    randomBytes,
    warn: (sentence) => warnings.push(sentence),
    audit: (line) => audit.push(line),
  });
}

function write(rules: string): void {
  writeFileSync(join(folder, "access.toml"), rules);
}

function basic(name: string, password = "secret", address = ADDRESS): { authorization: string; address: string } {
  return { authorization: `Basic ${Buffer.from(`${name}:${password}`).toString("base64")}`, address };
}

function bearer(token: string): { authorization: string; address: string } {
  return { authorization: `Bearer ${token}`, address: ADDRESS };
}

async function failure(work: Promise<unknown>): Promise<unknown> {
  return await work.then(
    () => undefined,
    (error: unknown) => error,
  );
}

async function allowed(
  access: Access,
  asked: Parameters<Access["authenticate"]>[0],
  wishes: readonly (readonly [RepositoryAction, string])[],
): Promise<readonly boolean[]> {
  const identity = await access.authenticate(asked);
  return wishes.map(([action, repository]) => access.decide(identity, action, repository).isAllowed);
}

describe("a registry's access", () => {
  test("without a file everybody may do everything, whatever they send", async () => {
    const access = await open();
    for (const asked of [{ address: ADDRESS }, basic("anyone"), bearer("x.y.z")]) {
      const identity = await access.authenticate(asked);
      expect(identity).toEqual({ name: undefined, groups: [], method: "anonymous", address: ADDRESS });
      expect(access.mayEnter(identity)).toBe(true);
      expect(access.decide(identity, "delete", "any/thing").isAllowed).toBe(true);
      expect(access.visible(identity, ["a", "b/c"])).toEqual(["a", "b/c"]);
    }
  });

  test("with users it is private: each has what the rules give, by name, group and certificate", async () => {
    const access = await open(RULES);
    const wishes = [
      ["push", "alice/app"],
      ["push", "team/app"],
      ["delete", "team/app"],
      ["pull", "public/base"],
      ["pull", "else"],
    ] as const;
    const certificate = { commonName: "x", dnsNames: [], uris: ["spiffe://example.org/alice"] };
    expect(await allowed(access, basic("alice"), wishes)).toEqual([true, true, false, true, false]);
    expect(await allowed(access, { certificate, address: ADDRESS }, wishes)).toEqual([true, true, false, true, false]);
    expect(await allowed(access, basic("bob"), wishes)).toEqual([false, false, false, true, false]);
    expect(await allowed(access, { address: ADDRESS }, wishes)).toEqual([false, false, false, true, false]);
  });

  test("/v2/ is for who has shown something, so that clients learn of the log-in", async () => {
    const access = await open(RULES);
    expect(access.mayEnter(await access.authenticate({ address: ADDRESS }))).toBe(false);
    expect(access.mayEnter(await access.authenticate(basic("bob")))).toBe(true);
    const { token } = await access.token({
      method: "GET",
      parameters: new URLSearchParams(),
      asked: { address: ADDRESS },
    });
    expect(access.mayEnter(await access.authenticate(bearer(token)))).toBe(true);
  });

  test("the catalogue shows what one may pull", async () => {
    const access = await open(RULES);
    const names = ["alice/app", "bob/app", "public/base", "team/app"];
    expect(access.visible(await access.authenticate(basic("alice")), names)).toEqual([
      "alice/app",
      "public/base",
      "team/app",
    ]);
    expect(access.visible(await access.authenticate({ address: ADDRESS }), names)).toEqual(["public/base"]);
  });

  test.each([
    ["a wrong password", basic("alice", "wrong")],
    ["an unknown user", basic("mallory")],
    ["an empty password", basic("alice", "")],
    ["a password with more after a NUL", basic("alice", "secret\0more")],
    ["a token of somebody else", bearer("eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbGljZSJ9.")],
    ["another scheme", { authorization: "Digest x", address: ADDRESS }],
    ["no base64", { authorization: "Basic ???", address: ADDRESS }],
  ])("%s is refused, and the audit says so without telling it", async (_title, asked) => {
    const access = await open(RULES);
    expect(await failure(access.authenticate(asked))).toBeInstanceOf(WrongCredentials);
    expect(audit.map((line) => JSON.parse(line))).toEqual([
      expect.objectContaining({ user: null, address: ADDRESS, action: "authenticate", allowed: false }),
    ]);
    expect(audit.join()).not.toContain("secret");
    expect(audit.join()).not.toContain('wrong"');
  });

  test("a decision is audited with its rule", async () => {
    const access = await open(RULES);
    access.decide(await access.authenticate(basic("alice")), "push", "team/app");
    expect(JSON.parse(audit.at(-1) ?? "")).toEqual({
      time: "2030-01-01T00:00:00.000Z",
      user: "alice",
      address: ADDRESS,
      method: "basic",
      action: "push",
      repository: "team/app",
      allowed: true,
      reason: "access.toml:13 lets group team push to team/*",
    });
  });

  test("the challenge is one that clients understand", async () => {
    const access = await open(RULES);
    const scopes: Scope[] = [{ repository: "team/app", actions: ["pull", "push"] }, "catalog"];
    expect(access.challenge(scopes, { realm: "https://registry.lan/token", error: "insufficient_scope" })).toBe(
      'Bearer realm="https://registry.lan/token",service="registry.lan",scope="repository:team/app:pull,push registry:catalog:*",error="insufficient_scope"',
    );
    expect(access.challenge([], { realm: 'http://x"\r\nSet-Cookie: a=b/token' })).toBe(
      'Bearer realm="http://x\\"Set-Cookie: a=b/token",service="registry.lan"',
    );
  });
});

describe("changes of the file", () => {
  test("hold from the next request on, without a restart", async () => {
    const access = await open(RULES);
    const wish = [["delete", "team/app"]] as const;
    expect(await allowed(access, basic("alice"), wish)).toEqual([false]);
    write(RULES.replace('["pull", "push"]', '["pull", "push", "delete"]'));
    expect(await allowed(access, basic("alice"), wish)).toEqual([true]);
    expect(warnings).toEqual([]);
  });

  test("that nobody understands leave the rules as they were, and that is said once", async () => {
    const access = await open(RULES);
    write(`${RULES}\nnonsense = 1\n`);
    for (let again = 0; again < 3; again += 1) {
      expect(await allowed(access, basic("alice"), [["push", "team/app"]])).toEqual([true]);
    }
    expect(warnings).toEqual([expect.stringContaining("nonsense is not known")]);
  });

  test("do not open the registry to everybody: not by an empty file, not by none", async () => {
    const access = await open(RULES);
    write("");
    expect(await allowed(access, { address: ADDRESS }, [["pull", "team/app"]])).toEqual([false]);
    rmSync(join(folder, "access.toml"));
    expect(await allowed(access, { address: ADDRESS }, [["pull", "team/app"]])).toEqual([false]);
    expect(warnings).toHaveLength(2);
  });

  test("of the password file are seen too", async () => {
    writeFileSync(join(folder, "passwords"), "");
    const access = await open(`htpasswd = "passwords"\n${RULES}`);
    expect(await failure(access.authenticate(basic("carol")))).toBeInstanceOf(WrongCredentials);
    writeFileSync(join(folder, "passwords"), `carol:${HASH}\n`);
    expect((await access.authenticate(basic("carol"))).name).toBe("carol");
  });

  test("a registry does not begin with rules that nobody understands", async () => {
    expect(await failure(open("nonsense = 1"))).toMatchObject({ code: "invalid-argument" });
  });
});

describe("tokens", () => {
  async function get(access: Access, query: string, asked = basic("alice")) {
    return await access.token({ method: "GET", parameters: new URLSearchParams(query), asked });
  }
  async function post(access: Access, form: string) {
    return await access.token({ method: "POST", parameters: new URLSearchParams(form), asked: { address: ADDRESS } });
  }

  test("that cannot be given are refused in one short sentence, however long what was asked is", async () => {
    const access = await open(RULES);
    const refused = (await failure(post(access, `grant_type=${"x".repeat(60_000)}`))) as Error;
    expect(refused).toMatchObject({ code: "invalid-argument" });
    expect(refused.message.length).toBeLessThan(400);
  });

  test("hold what was asked for and is allowed, and nothing else", async () => {
    const access = await open(RULES);
    const answer = await get(
      access,
      "service=registry.lan&scope=repository:team/app:pull,push,delete&scope=repository:bob/app:pull&scope=registry:catalog:*",
    );
    expect(answer).toEqual({
      token: expect.any(String),
      access_token: answer.token,
      expires_in: 300,
      issued_at: "2030-01-01T00:00:00.000Z",
      scope: "repository:team/app:pull,push registry:catalog:*",
    });
    // What was asked for a token only is no deed.
    expect(audit.map((line) => JSON.parse(line)).map(({ action, token, allowed }) => [action, token, allowed])).toEqual(
      [
        ["pull", true, true],
        ["push", true, true],
        ["delete", true, false],
        ["pull", true, false],
        ["catalog", true, true],
      ],
    );
    const identity = await access.authenticate(bearer(answer.token));
    expect(identity).toEqual({
      name: "alice",
      groups: ["team"],
      method: "token",
      scopes: [{ repository: "team/app", actions: ["pull", "push"] }, "catalog"],
      address: ADDRESS,
    });
    expect(access.decide(identity, "push", "team/app").isAllowed).toBe(true);
    expect(access.decide(identity, "push", "alice/app").isAllowed).toBe(false);
    expect(access.decideCatalog(identity).isAllowed).toBe(true);
  });

  test("have the claims of the specification, and a key that only its owner reads", async () => {
    const access = await open(RULES);
    const { token } = await get(access, "scope=repository:alice/app:pull");
    const [header, claims] = token
      .split(".", 2)
      .map((part) => JSON.parse(Buffer.from(part, "base64url").toString()) as Record<string, unknown>);
    expect(header).toEqual({ typ: "JWT", alg: "EdDSA", kid: expect.any(String) });
    const iat = START_MS / 1000;
    expect(claims).toEqual({
      iss: expect.stringMatching(/^registry\.lan\/[0-9a-f]{16}$/),
      sub: "alice",
      aud: "registry.lan",
      iat,
      nbf: iat - 10,
      exp: iat + 300,
      jti: expect.any(String),
      access: [{ type: "repository", name: "alice/app", actions: ["pull"] }],
    });
    expect(statSync(join(folder, "token-keys.json")).mode & 0o777).toBe(0o600);
  });

  test("end after five minutes, are good after a restart, and not with another bit", async () => {
    const first = await open(RULES);
    const { token } = await get(first, "scope=repository:alice/app:pull");
    const access = await open();
    nowMs += 299_000;
    expect((await access.authenticate(bearer(token))).name).toBe("alice");
    const [head = "", body = "", signature = ""] = token.split(".");
    const claims = JSON.parse(Buffer.from(body, "base64url").toString()) as Record<string, unknown>;
    const forged = Buffer.from(JSON.stringify({ ...claims, sub: "bob" })).toString("base64url");
    expect(await failure(access.authenticate(bearer(`${head}.${forged}.${signature}`)))).toBeInstanceOf(
      WrongCredentials,
    );
    nowMs += 1000;
    expect(await failure(access.authenticate(bearer(token)))).toBeInstanceOf(WrongCredentials);
  });

  test("are those of one file of rules: another one of the same root may call somebody else alice", async () => {
    const first = await open(RULES);
    const { token } = await get(first, "scope=repository:alice/app:pull");
    const path = join(folder, "other.toml");
    writeFileSync(path, RULES);
    const other = await openAccess({ path, folder, state, service: "registry.lan", randomBytes, warn: () => {} });
    expect(await failure(other.authenticate(bearer(token)))).toBeInstanceOf(WrongCredentials);
    expect((await first.authenticate(bearer(token))).name).toBe("alice");
  });

  test("give nothing more once the rules or the user are gone", async () => {
    const access = await open(RULES);
    const { token } = await get(access, "scope=repository:team/app:push");
    write(RULES.replace('groups = ["team"]\ncert', "groups = []\ncert"));
    expect(await allowed(access, bearer(token), [["push", "team/app"]])).toEqual([false]);
    write(RULES.replaceAll("alice", "carol"));
    expect(await failure(access.authenticate(bearer(token)))).toBeInstanceOf(WrongCredentials);
  });

  test("are given to nobody in particular too, with what everybody may do", async () => {
    const access = await open(RULES);
    const { token, scope } = await get(access, "scope=repository:public/base:pull,push&offline_token=true", {
      address: ADDRESS,
    } as ReturnType<typeof basic>);
    expect(scope).toBe("repository:public/base:pull");
    expect(await allowed(access, bearer(token), [["pull", "public/base"]])).toEqual([true]);
  });

  test("are not given for a token, a wrong password, another service, or too many scopes", async () => {
    const access = await open(RULES);
    const { token } = await get(access, "");
    expect(await failure(get(access, "", bearer(token)))).toBeInstanceOf(WrongCredentials);
    expect(await failure(get(access, "", basic("alice", "wrong")))).toBeInstanceOf(WrongCredentials);
    expect(await failure(get(access, "service=other"))).toMatchObject({ code: "invalid-argument" });
    const many = Array.from({ length: 101 }, (_, index) => `scope=repository:r${index}:pull`).join("&");
    expect(await failure(get(access, many))).toMatchObject({ code: "invalid-argument" });
    expect(await failure(post(access, "grant_type=authorization_code"))).toMatchObject({ code: "invalid-argument" });
  });

  test("are signed with a new key after thirty days; those of the old one end in their time", async () => {
    const access = await open(RULES);
    await get(access, "");
    nowMs += 30 * 86_400_000 - 1000;
    const before = await get(access, "");
    nowMs += 2000;
    const after = await get(access, "");
    const kid = (token: string): string =>
      JSON.parse(Buffer.from(token.split(".")[0] ?? "", "base64url").toString()).kid;
    expect(kid(after.token)).not.toBe(kid(before.token));
    const again = await open();
    expect((await again.authenticate(bearer(before.token))).name).toBe("alice");
    expect((await again.authenticate(bearer(after.token))).name).toBe("alice");
  });

  test("come for a refresh token, as in the OAuth flow, until its user is another", async () => {
    const access = await open(RULES);
    const login = "grant_type=password&username=alice&password=secret&service=registry.lan&client_id=docker";
    const { refresh_token: token = "", scope } = await post(access, `${login}&access_type=offline`);
    expect(scope).toBe("");
    expect((await post(access, login)).refresh_token).toBeUndefined();
    const refresh = `grant_type=refresh_token&service=registry.lan&client_id=docker&refresh_token=${token}`;
    const answer = await post(access, `${refresh}&scope=repository:team/app:pull,delete`);
    expect(answer.scope).toBe("repository:team/app:pull");
    expect(answer.refresh_token).toBe(token);
    expect((await access.authenticate(bearer(answer.token))).name).toBe("alice");
    // The database holds nothing that is good for a token.
    expect(readFileSync(join(folder, "state.db-wal")).includes(token)).toBe(false);
    const other = await hashBcrypt("changed", 4);
    write(RULES.replace(HASH, other));
    expect(await failure(post(access, refresh))).toBeInstanceOf(WrongCredentials);
    write(RULES);
    expect((await post(access, refresh)).refresh_token).toBe(token);
    write(RULES.replace("[users.alice]", `[users.alice]\ntokens_since = ${new Date(nowMs).toISOString()}`));
    audit = [];
    expect(await failure(post(access, refresh))).toBeInstanceOf(WrongCredentials);
    expect(audit.map((line) => JSON.parse(line))).toMatchObject([{ action: "refresh", allowed: false }]);
    expect(audit.join()).not.toContain(token);
  });

  test("for refreshing end when a user is removed, also if one with the same certificate comes later", async () => {
    const accounts = new UserAccounts({
      path: join(folder, "access.toml"),
      deadlineMs: performance.now() + 10_000,
      now: () => nowMs,
    });
    const build = { groups: [], certificates: ["CN=build"] };
    await accounts.add("build", build);
    const access = await open();
    nowMs += 1;
    const certificate = { commonName: "build", dnsNames: [], uris: [] };
    const given = await access.token({
      method: "GET",
      parameters: new URLSearchParams("offline_token=true"),
      asked: { address: "192.0.2.1", certificate },
    });
    const refresh = `grant_type=refresh_token&refresh_token=${given.refresh_token}`;
    expect((await post(access, refresh)).refresh_token).toBe(given.refresh_token);
    nowMs += 1;
    await accounts.remove("build");
    await accounts.add("build", build);
    expect(await failure(post(access, refresh))).toBeInstanceOf(WrongCredentials);
  });

  test("for refreshing end after ninety days without use, and a use prolongs them", async () => {
    const access = await open(RULES);
    const { refresh_token: token = "" } = await get(access, "offline_token=true");
    const refresh = `grant_type=refresh_token&refresh_token=${token}`;
    for (const days of [80, 80, 91]) {
      nowMs += days * 86_400_000;
      const error = await failure(post(access, refresh));
      if (days === 91) expect(error).toBeInstanceOf(WrongCredentials);
      else expect(error).toBeUndefined();
    }
  });
});

describe("limits", () => {
  test("of an address, a user and a repository each have a bucket of their own", async () => {
    const limit = (per: string, burst: number): string =>
      `[[limits]]\nper = "${per}"\nrequests_per_second = 1\nburst = ${burst}\n`;
    const access = await open(`${RULES}${limit("address", 3)}${limit("user", 2)}${limit("repository", 1)}`);
    const alice = await access.authenticate(basic("alice"));
    await access.authenticate(basic("alice"));
    expect(await failure(access.authenticate(basic("alice")))).toMatchObject({
      message: "too many requests of user alice (access.toml:25)",
      retryAfterMs: 1000,
    });
    expect(await failure(access.authenticate(basic("bob")))).toBeInstanceOf(TooManyRequests);
    expect((await access.authenticate(basic("bob", "secret", "192.0.2.2"))).name).toBe("bob");
    access.admit(alice, "team/app");
    access.admit(alice, "team/other");
    expect(() => access.admit(alice, "team/app")).toThrow(TooManyRequests);
    nowMs += 1000;
    access.admit(alice, "team/app");
    expect((await access.authenticate(basic("alice"))).name).toBe("alice");
  });

  test("of storage count what a user made, and a refusal is audited", async () => {
    const access = await open(`${RULES}[[quotas]]\nusers = ["*"]\nmax_bytes = 100\nmax_repositories = 1\n`);
    const held = new Map<string, { readonly owner: string; readonly bytes: number }>();
    const of = (fits: (repository: string, owner: string) => boolean) => {
      const sizes = [...held].filter(([repository, { owner }]) => fits(repository, owner));
      return { bytes: sizes.reduce((sum, [, { bytes }]) => sum + bytes, 0), repositories: sizes.length };
    };
    const usage = {
      ofRepositories: of,
      ofOwner: (user: string) => of((_, owner) => owner === user),
      ownerOf: (repository: string) => held.get(repository)?.owner,
      hasRepository: (repository: string) => held.has(repository),
    };
    const alice = await access.authenticate(basic("alice"));
    const bob = await access.authenticate(basic("bob"));
    const mayStore = (who: typeof alice, repository: string, bytes: number): boolean =>
      access.mayStore(who, repository, { bytes, usage }).isAllowed;
    expect(mayStore(alice, "team/app", 100)).toBe(true);
    held.set("team/app", { owner: "alice", bytes: 60 });
    audit = [];
    expect([mayStore(alice, "team/app", 40), mayStore(alice, "team/app", 41)]).toEqual([true, false]);
    expect(mayStore(alice, "team/other", 1)).toBe(false);
    // It is alice's room that bob's push takes: his own is untouched.
    expect([mayStore(bob, "team/app", 41), mayStore(bob, "team/other", 100)]).toEqual([false, true]);
    expect(audit.map((line) => JSON.parse(line).action)).toEqual(["store", "store", "store"]);
    held.delete("team/app");
    expect(mayStore(bob, "team/app", 100)).toBe(true);
    held.set("team/app", { owner: "bob", bytes: 100 });
    expect(mayStore(alice, "team/new", 100)).toBe(true);
  });

  test("of failures slow a guesser down, and nobody at another address", async () => {
    const access = await open(RULES);
    for (let guess = 0; guess < 5; guess += 1) {
      expect(await failure(access.authenticate(basic("alice", `guess ${guess}`)))).toBeInstanceOf(WrongCredentials);
    }
    expect(await failure(access.authenticate(basic("alice", "guess")))).toMatchObject({ retryAfterMs: 1000 });
    expect(await failure(access.authenticate(basic("alice")))).toBeInstanceOf(TooManyRequests);
    expect((await access.authenticate(basic("alice", "secret", "192.0.2.2"))).name).toBe("alice");
    expect((await access.authenticate(basic("bob"))).name).toBe("bob");
    nowMs += 1000;
    expect(await failure(access.authenticate(basic("alice", "guess")))).toBeInstanceOf(WrongCredentials);
    expect(await failure(access.authenticate(basic("alice")))).toMatchObject({ retryAfterMs: 2000 });
    nowMs += 2000;
    expect((await access.authenticate(basic("alice"))).name).toBe("alice");
  });
});
