import { expect, test } from "bun:test";
import { TooManyRequests } from "../access-problem.ts";
import type { User } from "../rules/access-rules.ts";
import { PasswordCheck } from "./password-check.ts";
import { bcryptCost } from "./password-hash.ts";

function user(name: string, cost: number): readonly [string, User] {
  const passwordHash = `$2y$${String(cost).padStart(2, "0")}$${name.padEnd(53, ".")}`;
  return [name, { name, passwordHash, groups: [], certificates: [] }];
}

const USERS = new Map([user("alice", 5), user("bob", 11)]);

/** A check whose bcrypt ends when the test says so; the right password is `secret`. */
function setUp() {
  let nowMs = 0;
  const asked: { readonly hash: string; readonly end: () => void }[] = [];
  const check = new PasswordCheck({
    now: () => nowMs,
    randomBytes: (count) => new Uint8Array(count).fill(7),
    verify: (password, hash) =>
      new Promise((resolve) => asked.push({ hash, end: () => resolve(password === "secret") })),
  });
  const login = (name: string, password: string, address = "192.0.2.1") =>
    check.check({ name, password, address }, USERS);
  const settle = async (work: Promise<boolean>) => {
    const { end } = asked.at(-1) ?? { end: () => {} };
    end();
    return await work;
  };
  const pass = (ms: number): void => {
    nowMs += ms;
  };
  return { login, asked, settle, pass };
}

test("who was right is known for a minute, and only with that password", async () => {
  const { login, asked, settle, pass } = setUp();
  expect(await settle(login("alice", "secret"))).toBe(true);
  expect(await login("alice", "secret")).toBe(true);
  expect(asked).toHaveLength(1);
  expect(await settle(login("alice", "secret "))).toBe(false);
  expect(await settle(login("bob", "secret"))).toBe(true);
  expect(asked).toHaveLength(3);
  pass(60_000);
  expect(await settle(login("alice", "secret"))).toBe(true);
  expect(asked).toHaveLength(4);
});

test("who was wrong is asked for again", async () => {
  const { login, asked, settle } = setUp();
  expect(await settle(login("alice", "x"))).toBe(false);
  expect(await settle(login("alice", "x"))).toBe(false);
  expect(asked).toHaveLength(2);
});

test("a new hash makes the old password unknown at once", async () => {
  const { asked, settle } = setUp();
  const check = new PasswordCheck({
    now: () => 0,
    randomBytes: (count) => new Uint8Array(count),
    verify: (_, hash) => new Promise((resolve) => asked.push({ hash, end: () => resolve(asked.length === 1) })),
  });
  const login = { name: "alice", password: "secret", address: "192.0.2.1" };
  expect(await settle(check.check(login, USERS))).toBe(true);
  expect(await settle(check.check(login, new Map([user("alice", 6)])))).toBe(false);
});

test("an unknown user is compared too, at the cost that a user's hash has", async () => {
  const { login, asked, settle } = setUp();
  const costs = new Set<number | undefined>();
  for (let index = 0; index < 40; index += 1) {
    expect(await settle(login(`nobody${index}`, "x", `192.0.2.${index}`))).toBe(false);
    costs.add(bcryptCost(asked.at(-1)?.hash ?? ""));
  }
  expect(costs).toEqual(new Set([5, 11]));
  // Asked again, it is the same: a name whose time changes is no user's.
  await settle(login("nobody0", "x"));
  expect(asked.at(-1)?.hash).toBe(asked[0]?.hash ?? "");
});

test("the same question at once is asked once, others two at a time, and not without end", async () => {
  const { login, asked } = setUp();
  const same = Array.from({ length: 50 }, () => login("alice", "secret"));
  expect(asked).toHaveLength(1);
  const others = Array.from({ length: 200 }, (_, index) =>
    login(`user${index}`, "x", `198.51.100.${index}`).catch((error: unknown) => error),
  );
  expect(asked).toHaveLength(2);
  for (let place = 0; place < asked.length; place += 1) {
    asked[place]?.end();
    for (let tick = 0; tick < 20; tick += 1) await Promise.resolve();
  }
  expect(new Set(await Promise.all(same))).toEqual(new Set([true]));
  const results = await Promise.all(others);
  expect(results.filter((result) => result === false)).toHaveLength(129);
  expect(results.filter((result) => result instanceof TooManyRequests)).toHaveLength(71);
});

test("a thousand parallel requests of one client with the right password are no guesses", async () => {
  const { login, asked } = setUp();
  const all = Array.from({ length: 1000 }, () => login("alice", "secret"));
  asked[0]?.end();
  expect(new Set(await Promise.all(all))).toEqual(new Set([true]));
});

test("a failure of bcrypt itself gives its place to the next", async () => {
  let calls = 0;
  const check = new PasswordCheck({
    now: () => 0,
    randomBytes: (count) => new Uint8Array(count),
    verify: async () => {
      calls += 1;
      throw new Error("broken");
    },
  });
  const logins = Array.from({ length: 5 }, (_, index) =>
    check.check({ name: `u${index}`, password: "x", address: "192.0.2.1" }, USERS),
  );
  const outcomes = await Promise.allSettled(logins);
  expect(outcomes.every(({ status }) => status === "rejected")).toBe(true);
  expect(calls).toBe(5);
  // Nor is it a wrong password.
  for (let again = 0; again < 10; again += 1) {
    const login = { name: "alice", password: "x", address: "192.0.2.1" };
    await expect(check.check(login, USERS)).rejects.toThrow("broken");
  }
});
