import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { stringify } from "smol-toml";
import { formatError } from "../../errors/gantry-error.ts";
import { parseReference, withDefaultTag } from "../../oci/reference.ts";
import { identityProblem } from "./claimed-identity.ts";
import { decideTrust, type Evidence, type Proof } from "./decide-trust.ts";
import { findRule } from "./find-rule.ts";
import { parseTrustPolicy } from "./parse-trust-policy.ts";
import type { TrustAction, TrustRule } from "./trust-policy.ts";

const DIGEST = `sha256:${"a".repeat(64)}`;
const reference = (text: string) => withDefaultTag(parseReference(text));

function problemsOf(toml: string): string {
  try {
    parseTrustPolicy(toml);
    return "";
  } catch (error) {
    return formatError(error);
  }
}

describe("findRule", () => {
  const images = [
    "*",
    "*.example.com",
    "*.eu.example.com",
    "docker.io",
    "docker.io/team",
    "docker.io/library/busybox",
    "docker.io/library/busybox:1",
    `docker.io/library/busybox@${DIGEST}`,
    "localhost:5000",
    "registry.lan",
    "other.lan:443/team",
    "10.0.0.5:5000",
  ];
  const policy = parseTrustPolicy(images.map((image) => `[[rule]]\nimage = "${image}"\n`).join(""));
  const cases = [
    ["busybox:1", "docker.io/library/busybox:1"],
    ["busybox", "docker.io/library/busybox"],
    [`busybox@${DIGEST}`, `docker.io/library/busybox@${DIGEST}`],
    ["busyboxes", "docker.io"],
    ["team/app", "docker.io/team"],
    ["team/deep/app", "docker.io/team"],
    ["teams/app", "docker.io"],
    ["index.docker.io/team/app", "docker.io/team"],
    ["a.example.com/x", "*.example.com"],
    ["a.eu.example.com:5000/x", "*.eu.example.com"],
    ["example.com/x", "*"],
    ["badexample.com/x", "*"],
    ["localhost:5000/x", "localhost:5000"],
    ["localhost:50000/x", "*"],
    ["quay.io/docker.io/team/x", "*"],
    ["LOCALHOST:5000/x", "localhost:5000"],
    ["A.EU.Example.COM:5000/x", "*.eu.example.com"],
    [`DOCKER.IO/library/busybox@${DIGEST}`, `docker.io/library/busybox@${DIGEST}`],
    ["DOCKER.io/library/busybox:1", "docker.io/library/busybox:1"],
    ["registry.lan:443/app", "registry.lan"],
    ["REGISTRY.lan:0443/app", "registry.lan"],
    ["registry.lan:80/app", "*"],
    ["other.lan/team/app", "other.lan:443/team"],
    ["a.eu.example.com:443/x", "*.eu.example.com"],
    ["10.5:05000/app", "10.0.0.5:5000"],
    ["registry-1.docker.io/library/busybox:1", "docker.io/library/busybox:1"],
  ] as const;
  for (const [name, image] of cases) {
    test(`${name.slice(0, 40)} falls under ${image.slice(0, 40)}`, () => {
      expect(findRule(policy, reference(name))?.scope.text).toBe(image);
    });
  }

  test("without any rule there is none", () => expect(findRule({ rules: [] }, reference("busybox"))).toBeUndefined());
});

describe("parseTrustPolicy", () => {
  test("the example is understood", () => {
    const example = readFileSync(new URL("../../../examples/trust.toml", import.meta.url), "utf8");
    const { rules } = parseTrustPolicy(example);
    expect(
      rules.map(({ scope, action, threshold, require }) => [scope.text, action, threshold, require.length]),
    ).toEqual([
      ["*", "warn", 1, 0],
      ["*.lan", "accept", 1, 0],
      ["registry.example.com:5000/team", "reject", 1, 1],
      ["registry.example.com:5000/team/app", "reject", 2, 3],
    ]);
  });

  test("reads rules with all their parts", () => {
    const { rules } = parseTrustPolicy(`
      [[rule]]
      image = "registry.lan:5000/app"
      threshold = 2
      require = [
        { key = "keys/a.pub" },
        { key = "/keys/b.pub", identity = "exact" },
        { key = "c.pub", identity = "docker.io/library/app:1" },
        { ca = "store", identities = ["*"] },
        { signing-authority = "sa", identities = ["x509.subject: C=US, ST=WA, O=acme.io"] },
      ]
      [[rule]]
      image = "*"
      action = "warn"
    `);
    expect(rules).toEqual([
      {
        scope: { text: "registry.lan:5000/app", kind: "prefix" },
        action: "reject",
        threshold: 2,
        require: [
          { kind: "key-file", path: "keys/a.pub", identity: "repository" },
          { kind: "key-file", path: "/keys/b.pub", identity: "exact" },
          { kind: "key-file", path: "c.pub", identity: { registry: "docker.io", repository: "library/app", tag: "1" } },
          { kind: "certificates", store: "ca", path: "store", identities: undefined },
          {
            kind: "certificates",
            store: "signingAuthority",
            path: "sa",
            identities: [
              new Map([
                ["C", "US"],
                ["ST", "WA"],
                ["O", "acme.io"],
              ]),
            ],
          },
        ],
      },
      { scope: { text: "*", kind: "all" }, action: "warn", threshold: 1, require: [] },
    ]);
  });

  test("says everything that is wrong at once, with its path", () => {
    const problems = problemsOf(`
      default = "accept"
      [[rule]]
      image = "busybox"
      action = "ignore"
      threshold = 3
      rekor = true
      require = [
        { key = "a", pem = "b" },
        { pem = "x" },
        { key = "a", identity = "busybox" },
        { key = "" },
        { ca = "store" },
        { ca = "store", identities = ["CN=x", 1] },
        { fulcio = "x" },
        { key = "a", colour = "red" },
        7,
      ]
      [[rule]]
      [[rule]]
      image = "docker.io/library/app"
      [[rule]]
      image = "docker.io/library/app"
      require = "key"
    `);
    for (const part of [
      "line 2: default is not known",
      'line 4: rule[0].image is not spelled out: write "docker.io/library/busybox"',
      'rule[0].action is none of "reject", "warn", "accept"',
      "rule[0].rekor is refused: transparency logs (Rekor) are not there yet",
      "rule[0].require[0] needs exactly one of key, pem, ca, signing-authority",
      "line 10: rule[0].require[1].pem: cannot use it as a key: it is not PEM",
      "rule[0].require[2].identity is none of",
      "rule[0].require[3].key is not a text",
      "rule[0].require[4].identities is needed",
      'rule[0].require[5].identities[0] does not begin with "x509.subject:"',
      "rule[0].require[5].identities[1] is not a text",
      "rule[0].require[6].fulcio is refused: keyless signatures (Fulcio) are not there yet",
      "rule[0].require[7].colour is not known",
      "rule[0].require[8] is not a table",
      'rule[1].image is needed: an image, a registry, or "*"',
      "line 23: rule[3].image is that of rule[2]: docker.io/library/app",
      "rule[3].require is not a list",
    ]) {
      expect(problems).toContain(part);
    }
  });

  test("each problem has the line of what it speaks of, in lists of tables too", () => {
    const policy = [
      "[[rule]]",
      'image = "*"',
      "require = [",
      '  { key = "a", colour = "red" },',
      "  { key = 7 },",
      '  { ca = "store", identities = [',
      '    "x509.subject: C=US, ST=WA, O=acme.io",',
      '    "acme" ] },',
      "]",
      "[[rule]]",
      'action = "reject"',
      '"colour\\n" = 1',
    ].join("\n");
    expect(problemsOf(policy).split("; ")).toEqual([
      "invalid trust.toml: line 4: rule[0].require[0].colour is not known (key, identity are)",
      "line 5: rule[0].require[1].key is not a text",
      'line 8: rule[0].require[2].identities[1] does not begin with "x509.subject:"',
      'line 12: rule[1]."colour\\n" is not known (image, action, threshold, require are)',
      'line 10: rule[1].image is needed: an image, a registry, or "*"',
    ]);
  });

  const cases = [
    ['[[rule]]\nimage = "a.b/c"\n[[rule]]\nimage = "A.b/c"', "rule[1].image is that of rule[0]: a.b/c"],
    ["rule = 7", "rule is not a list of tables"],
    ["rule = [7]", "rule[0] is not a table"],
    ["[[rule]", "invalid trust.toml: line 1: "],
    ['[[rule]]\nimage = "*.*"', 'rule[0].image is no domain such as "*.example.com"'],
    ['[[rule]]\nimage = "*.x:5000"', "is no domain"],
    ['[[rule]]\nimage = ""', "rule[0].image is no image such as"],
    ['[[rule]]\nimage = "docker.io/library/app:latest@x"', "rule[0].image is no image such as"],
    ['[[rule]]\nimage = "*"\nthreshold = 0', "rule[0].threshold is not a number from 1"],
    ['[[rule]]\nimage = "*"\nthreshold = 1.5', "rule[0].threshold is not a number from 1"],
    [
      '[[rule]]\nimage = "*"\nthreshold = 2\nrequire = [{ key = "a" }]',
      "rule[0].threshold is not a number from 1 to that of require (1)",
    ],
  ] as const;
  for (const [toml, problem] of cases) {
    test(`refuses ${JSON.stringify(toml)}`, () => expect(problemsOf(toml)).toContain(problem));
  }
});

test("parseTrustPolicy takes any values for a policy or says what is wrong, and never gives half of one", () => {
  const words = fc.constantFrom(
    "image",
    "action",
    "threshold",
    "require",
    "key",
    "pem",
    "ca",
    "identity",
    "identities",
    "*",
    "reject",
  );
  const value = fc.oneof(
    fc.string(),
    words,
    fc.integer(),
    fc.boolean(),
    fc.array(fc.dictionary(words, fc.string(), { maxKeys: 3 })),
  );
  fc.assert(
    fc.property(fc.array(fc.dictionary(words, value, { maxKeys: 4 }), { maxLength: 3 }), (rule) => {
      const said = problemsOf(stringify({ rule }));
      if (said !== "") expect(said).toMatch(/^invalid trust\.toml: line \d+: rule\b/);
      else
        for (const { scope, threshold } of parseTrustPolicy(stringify({ rule })).rules) {
          expect(scope.text === "" || threshold < 1).toBe(false);
        }
    }),
  );
  fc.assert(
    fc.property(fc.string(), (text) => expect(problemsOf(text)).toMatch(/^$|^invalid trust\.toml: line \d+: /)),
  );
});

describe("identityProblem", () => {
  const pulled = reference("localhost:5000/app:1");
  const byDigest = parseReference(`localhost:5000/app@${DIGEST}`);
  const mirror = parseReference("quay.io/team/app");
  const cases = [
    ["repository", "localhost:5000/app", pulled, true],
    ["repository", "localhost:5000/app:9", pulled, true],
    ["repository", "localhost:5000/apps", pulled, false],
    ["repository", "LOCALHOST:05000/app", pulled, true],
    ["repository", "localhost/app", pulled, false],
    ["repository", "app", pulled, false],
    ["repository", "", pulled, false],
    ["repository", undefined, pulled, true],
    ["exact", "localhost:5000/app:1", pulled, true],
    ["exact", "localhost:5000/app", pulled, false],
    ["exact", "localhost:5000/app:2", pulled, false],
    ["exact", "localhost:5000/app:2", byDigest, true],
    ["exact", undefined, pulled, false],
    ["any", "whatever", pulled, true],
    ["any", undefined, pulled, true],
    [mirror, "quay.io/team/app", pulled, true],
    [mirror, "quay.io/team/app:7", pulled, true],
    [mirror, "localhost:5000/app", pulled, false],
    [mirror, undefined, pulled, false],
    [reference("quay.io/team/app:1"), "quay.io/team/app:1", pulled, true],
    [reference("quay.io/team/app:1"), "quay.io/team/app", pulled, false],
  ] as const;
  for (const [rule, claimed, name, isGood] of cases) {
    const what = typeof rule === "string" ? rule : `${rule.registry}/${rule.repository}`;
    test(`${what}: a signature for ${claimed ?? "no name"} ${isGood ? "counts" : "does not count"}`, () => {
      expect(identityProblem(rule, claimed, name) === undefined).toBe(isGood);
    });
  }

  test("index.docker.io, as cosign writes it, is docker.io", () => {
    expect(identityProblem("repository", "index.docker.io/library/busybox", reference("busybox"))).toBeUndefined();
  });
});

describe("decideTrust", () => {
  const rule = (action: TrustAction, threshold: number, count: number): TrustRule => ({
    scope: { text: "*", kind: "all" },
    action,
    threshold,
    require: Array.from({ length: count }, () => ({ kind: "key-file" as const, path: "k", identity: "any" as const })),
  });
  const by = (...proofs: readonly (readonly [string, number])[]): Evidence => ({
    proofs: proofs.map(([signer, requirement]): Proof => ({ signer, requirement })),
    signatures: proofs.length,
  });
  const cases: readonly (readonly [string, TrustRule | undefined, Evidence, string, string])[] = [
    ["no rule", undefined, by(), "accept", "is named by no rule of the policy"],
    ["accept", rule("accept", 1, 1), by(), "accept", "is accepted by the rule for *, signed or not"],
    [
      "reject without requirements",
      rule("reject", 1, 0),
      by(["a", 0]),
      "reject",
      "is refused by the rule for *, signed or not",
    ],
    ["warn without requirements", rule("warn", 1, 0), by(), "warn", "is refused by the rule for *, signed or not"],
    ["unsigned", rule("reject", 1, 1), by(), "reject", "has no signature (1 of 1 wanted)"],
    ["unsigned, and only warned of", rule("warn", 1, 1), by(), "warn", "has no signature (1 of 1 wanted)"],
    ["signed", rule("reject", 1, 1), by(["a", 0]), "accept", "is signed by 1 (1 of 1 wanted)"],
    ["two of three", rule("reject", 2, 3), by(["a", 0], ["b", 2]), "accept", "is signed by 2 (2 of 3 wanted)"],
    ["one of three", rule("reject", 2, 3), by(["a", 0], ["a", 0]), "reject", "is signed by 1 only (2 of 3 wanted)"],
    [
      "one signer who fits two requirements",
      rule("reject", 2, 2),
      by(["a", 0], ["a", 1]),
      "reject",
      "is signed by 1 only (2 of 2 wanted)",
    ],
    [
      "two signers who fit the same one",
      rule("reject", 2, 2),
      by(["a", 0], ["b", 0]),
      "reject",
      "is signed by 1 only (2 of 2 wanted)",
    ],
    [
      "two signers, one of whom fits both",
      rule("reject", 2, 2),
      by(["a", 0], ["a", 1], ["b", 0]),
      "accept",
      "is signed by 2 (2 of 2 wanted)",
    ],
    [
      "signatures that do not count",
      rule("reject", 1, 1),
      { proofs: [], signatures: 2, problem: "why" },
      "reject",
      "has 2 signatures, none of which counts: why",
    ],
    [
      "a signature that does not count",
      rule("warn", 1, 1),
      { proofs: [], signatures: 1, problem: "why" },
      "warn",
      "has a signature that does not count: why",
    ],
  ];
  for (const [what, given, evidence, verdict, reason] of cases) {
    test(what, () =>
      expect(decideTrust(given, evidence)).toEqual({ verdict, reason } as ReturnType<typeof decideTrust>),
    );
  }
});
