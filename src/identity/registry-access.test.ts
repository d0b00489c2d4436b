import { describe, expect, test } from "bun:test";
import { AccessFixture, basic, failure, RULES } from "../../test/support/access-fixture.ts";
import { TooManyRequests, WrongCredentials } from "./access-problem.ts";

const fixture = AccessFixture.forEachTest();

describe("limits", () => {
  test("of an address, a user and a repository each have a bucket of their own", async () => {
    const limit = (per: string, burst: number): string =>
      `[[limits]]\nper = "${per}"\nrequests_per_second = 1\nburst = ${burst}\n`;
    const access = await fixture.open(`${RULES}${limit("address", 3)}${limit("user", 2)}${limit("repository", 1)}`);
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
    fixture.nowMs += 1000;
    access.admit(alice, "team/app");
    expect((await access.authenticate(basic("alice"))).name).toBe("alice");
  });

  test("of a request in a thousand years say to come back tomorrow, and no number that a header cannot have", async () => {
    const access = await fixture.open(`${RULES}[[limits]]\nper = "address"\nrequests_per_second = 1e-300\n`);
    await access.authenticate(basic("alice"));
    expect(await failure(access.authenticate(basic("alice")))).toMatchObject({
      retryAfterMs: 86_400_000,
      hint: "try again in 86400 s",
    });
  });

  test("of storage count what a user made, and a refusal is audited", async () => {
    const access = await fixture.open(`${RULES}[[quotas]]\nusers = ["*"]\nmax_bytes = 100\nmax_repositories = 1\n`);
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
    fixture.audit = [];
    expect([mayStore(alice, "team/app", 40), mayStore(alice, "team/app", 41)]).toEqual([true, false]);
    expect(access.mayStore(alice, "team/app", { bytes: 41, usage, isProbe: true }).isAllowed).toBe(false);
    expect(mayStore(alice, "team/other", 1)).toBe(false);
    // It is alice's room that bob's push takes: his own is untouched.
    expect([mayStore(bob, "team/app", 41), mayStore(bob, "team/other", 100)]).toEqual([false, true]);
    expect(fixture.audit.map((line) => JSON.parse(line).action)).toEqual(["store", "store", "store"]);
    held.delete("team/app");
    expect(mayStore(bob, "team/app", 100)).toBe(true);
    held.set("team/app", { owner: "bob", bytes: 100 });
    expect(mayStore(alice, "team/new", 100)).toBe(true);
  });

  test("of failures slow a guesser down, and nobody at another address", async () => {
    const access = await fixture.open(RULES);
    for (let guess = 0; guess < 5; guess += 1) {
      expect(await failure(access.authenticate(basic("alice", `guess ${guess}`)))).toBeInstanceOf(WrongCredentials);
    }
    expect(await failure(access.authenticate(basic("alice", "guess")))).toMatchObject({ retryAfterMs: 1000 });
    expect(await failure(access.authenticate(basic("alice")))).toBeInstanceOf(TooManyRequests);
    expect((await access.authenticate(basic("alice", "secret", "192.0.2.2"))).name).toBe("alice");
    expect((await access.authenticate(basic("bob"))).name).toBe("bob");
    fixture.nowMs += 1000;
    expect(await failure(access.authenticate(basic("alice", "guess")))).toBeInstanceOf(WrongCredentials);
    expect(await failure(access.authenticate(basic("alice")))).toMatchObject({ retryAfterMs: 2000 });
    fixture.nowMs += 2000;
    expect((await access.authenticate(basic("alice"))).name).toBe("alice");
  });
});
