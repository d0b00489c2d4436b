import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { formatName, isSubsetOf, parseIdentity } from "./distinguished-name.ts";

describe("parseIdentity", () => {
  test("reads attributes, S for ST, escaped characters", () => {
    expect(parseIdentity("x509.subject: C=US, S=WA, O=Acme\\, Inc., OU=a\\;b\\\\c,CN=\\ x\\ ")).toEqual(
      new Map([
        ["C", "US"],
        ["ST", "WA"],
        ["O", "Acme, Inc."],
        ["OU", "a;b\\c"],
        ["CN", " x "],
      ]),
    );
  });

  const cases = [
    ["CN=x", 'does not begin with "x509.subject:"'],
    ["x509.subject: C=US, O=acme", "has no ST: C, ST and O are needed at least"],
    ["x509.subject:", 'has a part that is not NAME=VALUE: ""'],
    ["x509.subject: C=US, ST=WA, O=a, O=b", "has O twice"],
    ["x509.subject: C=US, ST=WA, S=OR, O=b", "has ST twice"],
    ["x509.subject: C=US, ST=WA, O=#04024869", "has a hexadecimal value, which is not supported"],
    ["x509.subject: C=US, ST=WA, O", "has a part that is not NAME=VALUE"],
    [`x509.subject: ${"C=U,".repeat(2000)}`, "is longer than 4096 characters"],
  ] as const;
  for (const [text, problem] of cases) {
    test(`refuses ${text.slice(0, 50)}`, () => expect(parseIdentity(text)).toContain(problem));
  }

  test("reads back what formatName writes", () => {
    const value = fc
      .string({ minLength: 1, maxLength: 20 })
      .map((text) => text.trim())
      .filter((text) => text !== "" && !text.startsWith("#"));
    fc.assert(
      fc.property(value, value, value, (c, st, o) => {
        const name = new Map([
          ["C", c],
          ["ST", st],
          ["O", o],
        ]);
        expect(parseIdentity(`x509.subject: ${formatName(name)}`)).toEqual(name);
      }),
    );
  });
});

test("isSubsetOf wants every attribute with its value", () => {
  const subject = new Map([
    ["C", "US"],
    ["O", "a"],
    ["CN", "x"],
  ]);
  expect(
    isSubsetOf(
      new Map([
        ["C", "US"],
        ["O", "a"],
      ]),
      subject,
    ),
  ).toBe(true);
  expect(
    isSubsetOf(
      new Map([
        ["C", "US"],
        ["O", "A"],
      ]),
      subject,
    ),
  ).toBe(false);
  expect(isSubsetOf(new Map([["OU", "x"]]), subject)).toBe(false);
});
