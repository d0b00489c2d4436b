import { expect, test } from "bun:test";
import { verifyBcrypt } from "../../platform/password.ts";
import { parseHtpasswd } from "./parse-htpasswd.ts";

/** Printed by Apache's `htpasswd -nbB`, 2.4; the second cuts its 80 letters at 72, as all bcrypt does. */
const APACHE = [
  ["alice", "secret", "$2y$05$oyCwOyHpeDSbMAcCRQaugOr2rqtGWLENrle7QSPqKoL2kPYjRBRsy"],
  ["long", "a".repeat(80), "$2y$04$lTNffrL/9lmJ6rGj3NtEE.TgGdNrPXr3jl3vdFj1d8S.n.wcyvKzq"],
  ["utf", "pässwörd", "$2y$04$cYBAYo2fz0ISDaB113kESu9sHuZCEbh1X4raeByrTbnqP.un1E1de"],
] as const;

test("a file of htpasswd -B is read, and its passwords are right", async () => {
  const text = `# users\n${APACHE.map(([name, , hash]) => `${name}:${hash}`).join("\n\n")}\r\n`;
  const { entries, problems } = parseHtpasswd(text, "htpasswd");
  expect(problems).toEqual([]);
  expect(entries).toEqual(APACHE.map(([name, , passwordHash]) => ({ name, passwordHash })));
  for (const [, password, hash] of APACHE) {
    expect(await verifyBcrypt(password, hash)).toBe(true);
    expect(await verifyBcrypt(`x${password}`, hash)).toBe(false);
    for (const kind of ["$2a$", "$2b$"])
      expect(
        await verifyBcrypt(
          password,
          hash.replace("$2y$", () => kind),
        ),
      ).toBe(true);
  }
});

test.each([
  ["$apr1$abc$def", "is hashed with Apache's MD5"],
  ["{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=", "is hashed with SHA-1"],
  ["$6$salt$hash", "is hashed with SHA-512 crypt"],
  ["$5$salt$hash", "is hashed with SHA-256 crypt"],
  ["rqXexS6ZhobKA", "is hashed with DES crypt"],
  ["plain", "is no bcrypt hash"],
  [`$2y$31$${"a".repeat(53)}`, "has a bcrypt cost of 31"],
  [`$2y$03$${"a".repeat(53)}`, "has a bcrypt cost of 3"],
  [`$2x$10$${"a".repeat(53)}`, "is no bcrypt hash"],
])("%s is refused", (hash, why) => {
  const { entries, problems } = parseHtpasswd(`alice:${hash}`, "htpasswd");
  expect(entries).toEqual([]);
  expect(problems).toEqual([expect.stringContaining(`htpasswd:1: the password of alice ${why}`)]);
});

test("what is no line of a password file is told with its number, without the password", () => {
  const { problems } = parseHtpasswd("alice\n:x\na/b:secret\n", "htpasswd");
  expect(problems).toEqual([
    "htpasswd:1: this is not NAME:HASH",
    expect.stringMatching(/^htpasswd:2: "" is no name/),
    expect.stringMatching(/^htpasswd:3: "a\/b" is no name/),
  ]);
  expect(problems.join()).not.toContain("secret");
});
