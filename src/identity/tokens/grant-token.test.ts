import { describe, expect, test } from "bun:test";
import { mkdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import {
  AccessFixture,
  ADDRESS,
  allowed,
  basic,
  bearer,
  failure,
  HASH,
  RULES,
  START_MS,
} from "../../../test/support/access-fixture.ts";
import { hashBcrypt } from "../../platform/password.ts";
import type { Access } from "../access.ts";
import { WrongCredentials } from "../access-problem.ts";
import { UserAccounts } from "../rules/user-accounts.ts";

const fixture = AccessFixture.forEachTest();

describe("tokens", () => {
  async function get(access: Access, query: string, asked = basic("alice")) {
    return await access.token({ method: "GET", parameters: new URLSearchParams(query), asked });
  }
  async function post(access: Access, form: string) {
    return await access.token({ method: "POST", parameters: new URLSearchParams(form), asked: { address: ADDRESS } });
  }

  test("that cannot be given are refused in one short sentence, however long what was asked is", async () => {
    const access = await fixture.open(RULES);
    const refused = (await failure(post(access, `grant_type=${"x".repeat(60_000)}`))) as Error;
    expect(refused).toMatchObject({ code: "invalid-argument" });
    expect(refused.message.length).toBeLessThan(400);
  });

  test("hold what was asked for and is allowed, and nothing else", async () => {
    const access = await fixture.open(RULES);
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
    expect(
      fixture.audit.map((line) => JSON.parse(line)).map(({ action, token, allowed }) => [action, token, allowed]),
    ).toEqual([
      ["pull", true, true],
      ["push", true, true],
      ["delete", true, false],
      ["pull", true, false],
      ["catalog", true, true],
    ]);
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
    const access = await fixture.open(RULES);
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
      mark: expect.any(String),
      access: [{ type: "repository", name: "alice/app", actions: ["pull"] }],
    });
    expect(statSync(join(fixture.folder, "token-keys.json")).mode & 0o777).toBe(0o600);
  });

  test("end after five minutes, are good after a restart, and not with another bit", async () => {
    const first = await fixture.open(RULES);
    const { token } = await get(first, "scope=repository:alice/app:pull");
    const access = await fixture.open();
    fixture.nowMs += 299_000;
    expect((await access.authenticate(bearer(token))).name).toBe("alice");
    const [head = "", body = "", signature = ""] = token.split(".");
    const claims = JSON.parse(Buffer.from(body, "base64url").toString()) as Record<string, unknown>;
    const forged = Buffer.from(JSON.stringify({ ...claims, sub: "bob" })).toString("base64url");
    expect(await failure(access.authenticate(bearer(`${head}.${forged}.${signature}`)))).toBeInstanceOf(
      WrongCredentials,
    );
    fixture.nowMs += 1000;
    expect(await failure(access.authenticate(bearer(token)))).toBeInstanceOf(WrongCredentials);
  });

  test("end at once when they are revoked, or their user logs in with something else; those after are good", async () => {
    const access = await fixture.open(RULES);
    const tokenOf = async (): Promise<string> => (await get(access, "scope=repository:alice/app:pull")).token;
    const isGood = async (token: string): Promise<boolean> =>
      (await failure(access.authenticate(bearer(token)))) === undefined;
    const before = await tokenOf();
    const bobs = (await get(access, "", basic("bob"))).token;
    expect(await isGood(before)).toBe(true);
    fixture.nowMs += 100;
    const since = `tokens_since = ${new Date(fixture.nowMs).toISOString()}`;
    fixture.write(RULES.replace("[users.alice]", `[users.alice]\n${since}`));
    fixture.nowMs += 1;
    expect([await isGood(before), await isGood(bobs), await isGood(await tokenOf())]).toEqual([false, true, true]);
    expect(await failure(access.authenticate(bearer(before)))).toMatchObject({
      message: "the token is of before alice's were revoked or the password changed",
    });
    fixture.write(RULES.replace(HASH, await hashBcrypt("changed", 4)));
    expect([await isGood(before), await isGood(bobs)]).toEqual([false, true]);
    fixture.write(RULES);
    expect(await isGood(before)).toBe(true);
    fixture.write(RULES.replace('certificates = ["URI', 'certificates = ["DNS=alice.lan", "URI'));
    expect(await isGood(before)).toBe(false);
  });

  test("that are given for a password while that is changed are no good", async () => {
    const access = await fixture.open(RULES);
    const rules = RULES.replace(HASH, await hashBcrypt("changed", 4));
    const asked = get(access, "offline_token=true");
    fixture.write(rules);
    // By which the rules are read again, before the password of the first is looked at.
    await access.authenticate({ address: ADDRESS });
    const { token, refresh_token: refresh } = await asked;
    expect(await failure(access.authenticate(bearer(token)))).toBeInstanceOf(WrongCredentials);
    expect(await failure(post(access, `grant_type=refresh_token&refresh_token=${refresh}`))).toBeInstanceOf(
      WrongCredentials,
    );
  });

  test("are those of one file of rules: another one of the same root may call somebody else alice", async () => {
    const first = await fixture.open(RULES);
    const { token } = await get(first, "scope=repository:alice/app:pull");
    const other = await fixture.open(RULES, join(fixture.folder, "other.toml"));
    expect(await failure(other.authenticate(bearer(token)))).toBeInstanceOf(WrongCredentials);
    expect((await first.authenticate(bearer(token))).name).toBe("alice");
  });

  test("give nothing more once the rules or the user are gone", async () => {
    const access = await fixture.open(RULES);
    const { token } = await get(access, "scope=repository:team/app:push");
    fixture.write(RULES.replace('groups = ["team"]\ncert', "groups = []\ncert"));
    expect(await allowed(access, bearer(token), [["push", "team/app"]])).toEqual([false]);
    fixture.write(RULES.replaceAll("alice", "carol"));
    expect(await failure(access.authenticate(bearer(token)))).toBeInstanceOf(WrongCredentials);
  });

  test("are given to nobody in particular too, with what everybody may do", async () => {
    const access = await fixture.open(RULES);
    const { token, scope } = await get(access, "scope=repository:public/base:pull,push&offline_token=true", {
      address: ADDRESS,
    } as ReturnType<typeof basic>);
    expect(scope).toBe("repository:public/base:pull");
    expect(await allowed(access, bearer(token), [["pull", "public/base"]])).toEqual([true]);
  });

  test("are not given for a token, a wrong password, another service, or too many scopes", async () => {
    const access = await fixture.open(RULES);
    const { token } = await get(access, "");
    expect(await failure(get(access, "", bearer(token)))).toBeInstanceOf(WrongCredentials);
    expect(await failure(get(access, "", basic("alice", "wrong")))).toBeInstanceOf(WrongCredentials);
    expect(await failure(get(access, "service=other"))).toMatchObject({ code: "invalid-argument" });
    const many = Array.from({ length: 101 }, (_, index) => `scope=repository:r${index}:pull`).join("&");
    expect(await failure(get(access, many))).toMatchObject({ code: "invalid-argument" });
    expect(await failure(post(access, "grant_type=authorization_code"))).toMatchObject({ code: "invalid-argument" });
  });

  test("are signed with a new key after thirty days; those of the old one end in their time", async () => {
    const access = await fixture.open(RULES);
    await get(access, "");
    fixture.nowMs += 30 * 86_400_000 - 1000;
    const before = await get(access, "");
    fixture.nowMs += 2000;
    const after = await get(access, "");
    const kid = (token: string): string =>
      JSON.parse(Buffer.from(token.split(".")[0] ?? "", "base64url").toString()).kid;
    expect(kid(after.token)).not.toBe(kid(before.token));
    const again = await fixture.open();
    expect((await again.authenticate(bearer(before.token))).name).toBe("alice");
    expect((await again.authenticate(bearer(after.token))).name).toBe("alice");
  });

  test("come where nothing can be written, for a password and for a refresh token, under the key that there is", async () => {
    const access = await fixture.open(RULES);
    const login = "grant_type=password&username=alice&password=secret&service=registry.lan&client_id=docker";
    const { refresh_token: token = "" } = await post(access, `${login}&access_type=offline`);
    fixture.nowMs += 31 * 86_400_000;
    fixture.state.db.run("PRAGMA query_only = ON");
    const keys = join(fixture.folder, "token-keys.json");
    rmSync(keys);
    mkdirSync(join(keys, "in the way"), { recursive: true });
    const refresh = `grant_type=refresh_token&service=registry.lan&client_id=docker&refresh_token=${token}`;
    for (const asked of [login, refresh]) {
      expect((await access.authenticate(bearer((await post(access, asked)).token))).name).toBe("alice");
    }
  });

  test("come for a refresh token, as in the OAuth flow, until its user is another", async () => {
    const access = await fixture.open(RULES);
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
    expect(readFileSync(join(fixture.folder, "state.db-wal")).includes(token)).toBe(false);
    const other = await hashBcrypt("changed", 4);
    fixture.write(RULES.replace(HASH, other));
    expect(await failure(post(access, refresh))).toBeInstanceOf(WrongCredentials);
    fixture.write(RULES);
    expect((await post(access, refresh)).refresh_token).toBe(token);
    fixture.write(
      RULES.replace("[users.alice]", `[users.alice]\ntokens_since = ${new Date(fixture.nowMs).toISOString()}`),
    );
    fixture.audit = [];
    expect(await failure(post(access, refresh))).toBeInstanceOf(WrongCredentials);
    expect(fixture.audit.map((line) => JSON.parse(line))).toMatchObject([{ action: "refresh", allowed: false }]);
    expect(fixture.audit.join()).not.toContain(token);
  });

  test("for refreshing end when a user is removed, also if one with the same certificate comes later", async () => {
    const accounts = new UserAccounts({
      path: join(fixture.folder, "access.toml"),
      deadlineMs: performance.now() + 10_000,
      now: () => fixture.nowMs,
    });
    const build = { groups: [], certificates: ["CN=build"] };
    await accounts.add("build", build);
    const access = await fixture.open();
    fixture.nowMs += 1;
    const certificate = { commonName: "build", dnsNames: [], uris: [] };
    const given = await access.token({
      method: "GET",
      parameters: new URLSearchParams("offline_token=true"),
      asked: { address: "192.0.2.1", certificate },
    });
    const refresh = `grant_type=refresh_token&refresh_token=${given.refresh_token}`;
    expect((await post(access, refresh)).refresh_token).toBe(given.refresh_token);
    fixture.nowMs += 1;
    await accounts.remove("build");
    await accounts.add("build", build);
    expect(await failure(post(access, refresh))).toBeInstanceOf(WrongCredentials);
  });

  test("for refreshing end after ninety days without use, and a use prolongs them", async () => {
    const access = await fixture.open(RULES);
    const { refresh_token: token = "" } = await get(access, "offline_token=true");
    const refresh = `grant_type=refresh_token&refresh_token=${token}`;
    for (const days of [80, 80, 91]) {
      fixture.nowMs += days * 86_400_000;
      const error = await failure(post(access, refresh));
      if (days === 91) expect(error).toBeInstanceOf(WrongCredentials);
      else expect(error).toBeUndefined();
    }
  });
});
