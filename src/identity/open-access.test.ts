import { describe, expect, test } from "bun:test";
import { rmSync, writeFileSync } from "node:fs";
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
} from "../../test/support/access-fixture.ts";
import { WrongCredentials } from "./access-problem.ts";
import type { Scope } from "./scope.ts";

const fixture = AccessFixture.forEachTest();

describe("a registry's access", () => {
  test("without a file everybody may do everything, whatever they send", async () => {
    const access = await fixture.open();
    for (const asked of [{ address: ADDRESS }, basic("anyone"), bearer("x.y.z")]) {
      const identity = await access.authenticate(asked);
      expect(identity).toEqual({ name: undefined, groups: [], method: "anonymous", address: ADDRESS });
      expect(access.mayEnter(identity)).toBe(true);
      expect(access.decide(identity, "delete", "any/thing").isAllowed).toBe(true);
      expect(access.visible(identity, ["a", "b/c"])).toEqual(["a", "b/c"]);
    }
  });

  test("with users it is private: each has what the rules give, by name, group and certificate", async () => {
    const access = await fixture.open(RULES);
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
    const access = await fixture.open(RULES);
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
    const access = await fixture.open(RULES);
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
    const access = await fixture.open(RULES);
    expect(await failure(access.authenticate(asked))).toBeInstanceOf(WrongCredentials);
    expect(fixture.audit.map((line) => JSON.parse(line))).toEqual([
      expect.objectContaining({ user: null, address: ADDRESS, action: "authenticate", allowed: false }),
    ]);
    expect(fixture.audit.join()).not.toContain("secret");
    expect(fixture.audit.join()).not.toContain('wrong"');
  });

  test("a decision is audited with its rule", async () => {
    const access = await fixture.open(RULES);
    access.decide(await access.authenticate(basic("alice")), "push", "team/app");
    expect(JSON.parse(fixture.audit.at(-1) ?? "")).toEqual({
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
    const access = await fixture.open(RULES);
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
    const access = await fixture.open(RULES);
    const wish = [["delete", "team/app"]] as const;
    expect(await allowed(access, basic("alice"), wish)).toEqual([false]);
    fixture.write(RULES.replace('["pull", "push"]', '["pull", "push", "delete"]'));
    expect(await allowed(access, basic("alice"), wish)).toEqual([true]);
    expect(fixture.warnings).toEqual([]);
  });

  test("that nobody understands leave the rules as they were, and that is said once", async () => {
    const access = await fixture.open(RULES);
    fixture.write(`${RULES}\nnonsense = 1\n`);
    for (let again = 0; again < 3; again += 1) {
      expect(await allowed(access, basic("alice"), [["push", "team/app"]])).toEqual([true]);
    }
    expect(fixture.warnings).toEqual([expect.stringContaining("nonsense is not known")]);
  });

  test("do not open the registry to everybody: not by an empty file, not by none", async () => {
    const access = await fixture.open(RULES);
    fixture.write("");
    expect(await allowed(access, { address: ADDRESS }, [["pull", "team/app"]])).toEqual([false]);
    rmSync(join(fixture.folder, "access.toml"));
    expect(await allowed(access, { address: ADDRESS }, [["pull", "team/app"]])).toEqual([false]);
    expect(fixture.warnings).toHaveLength(2);
  });

  test("of the password file are seen too", async () => {
    writeFileSync(join(fixture.folder, "passwords"), "");
    const access = await fixture.open(`htpasswd = "passwords"\n${RULES}`);
    expect(await failure(access.authenticate(basic("carol")))).toBeInstanceOf(WrongCredentials);
    writeFileSync(join(fixture.folder, "passwords"), `carol:${HASH}\n`);
    expect((await access.authenticate(basic("carol"))).name).toBe("carol");
  });

  test("a registry does not begin with rules that nobody understands", async () => {
    expect(await failure(fixture.open("nonsense = 1"))).toMatchObject({ code: "invalid-argument" });
  });
});
