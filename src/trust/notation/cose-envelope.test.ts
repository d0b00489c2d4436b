import { describe, expect, test } from "bun:test";
import { encode, Tagged } from "cborg";
import { type CertificateName, testCertificate, testKey } from "../../../test/support/test-certificates.ts";
import { formatError } from "../../errors/gantry-error.ts";
import { openCoseEnvelope } from "./cose-envelope.ts";
import { algorithmOf, signJws } from "./signature-algorithm.ts";

interface Parts {
  readonly headers?: Readonly<Record<string, unknown>> & { readonly [label: number]: unknown };
  readonly chain?: readonly CertificateName[];
  readonly signedBy?: CertificateName;
  readonly x5chain?: unknown;
  readonly protectedBytes?: Uint8Array;
  readonly payload?: unknown;
  readonly tag?: number;
}

const NOTARY = "io.cncf.notary";
const seconds = (value: unknown) => new Tagged(1, value);

function make(parts: Parts): Uint8Array {
  const { chain = ["leaf", "intermediate", "root"], headers = {}, tag = 18 } = parts;
  const [leaf = "leaf"] = chain;
  const merged = new Map<string | number, unknown>([
    [1, -7],
    [2, [`${NOTARY}.signingScheme`]],
    [3, "application/vnd.cncf.notary.payload.v1+json"],
    [`${NOTARY}.signingScheme`, "notary.x509"],
    [`${NOTARY}.signingTime`, seconds(1_667_411_812)],
  ]);
  for (const [label, value] of Object.entries(headers)) {
    const key = /^\d+$/.test(label) ? Number(label) : label;
    if (value === undefined) merged.delete(key);
    else merged.set(key, value);
  }
  const protectedBytes = parts.protectedBytes ?? encode(merged);
  const payload = Buffer.from("{}");
  const key = testKey(parts.signedBy ?? leaf);
  const data = encode(["Signature1", protectedBytes, new Uint8Array(0), payload]);
  const signature = signJws(key, algorithmOf(key, "key"), Buffer.from(data));
  const x5chain = parts.x5chain ?? chain.map((name) => testCertificate(name).der);
  const content = [protectedBytes, new Map([[33, x5chain]]), "payload" in parts ? parts.payload : payload, signature];
  return encode(new Tagged(tag, content));
}

function problemOf(bytes: Uint8Array): string {
  try {
    openCoseEnvelope(bytes);
    return "";
  } catch (error) {
    return formatError(error);
  }
}

describe("openCoseEnvelope", () => {
  test("takes what is signed by the key of its first certificate, with the one algorithm of that key", () => {
    const algorithms: readonly (readonly [CertificateName, number])[] = [
      ["leaf", -7],
      ["leaf-p384", -35],
      ["leaf-p521", -36],
      ["leaf-rsa2048", -37],
      ["leaf-rsa3072", -38],
    ];
    for (const [name, alg] of algorithms) {
      expect(problemOf(make({ chain: [name, "root"], headers: { 1: alg } }))).toBe("");
    }
  });

  test("tells scheme and times; one certificate may stand without a list", () => {
    const envelope = make({
      chain: ["self-signed"],
      x5chain: testCertificate("self-signed").der,
      headers: {
        2: [`${NOTARY}.signingScheme`, `${NOTARY}.authenticSigningTime`, `${NOTARY}.expiry`],
        [`${NOTARY}.signingScheme`]: "notary.x509.signingAuthority",
        [`${NOTARY}.signingTime`]: undefined,
        [`${NOTARY}.authenticSigningTime`]: seconds(1000),
        [`${NOTARY}.expiry`]: seconds(2000),
      },
    });
    const { scheme, signedMs, expiryMs, chain } = openCoseEnvelope(envelope);
    expect({ scheme, signedMs, expiryMs, certificates: chain.length }).toEqual({
      scheme: "notary.x509.signingAuthority",
      signedMs: 1_000_000,
      expiryMs: 2_000_000,
      certificates: 1,
    });
  });

  const scheme = `${NOTARY}.signingScheme`;
  const cases: readonly (readonly [string, Parts, string])[] = [
    [
      "another algorithm than the key's",
      { headers: { 1: -37 } },
      "alg is -37, and the key of its certificate signs with -7",
    ],
    ["a symmetric algorithm", { headers: { 1: 5 } }, "alg is 5"],
    ["no algorithm", { headers: { 1: undefined } }, "alg is undefined"],
    ["another's signature", { signedBy: "self-signed" }, "its signature is not that of its certificate's key"],
    [
      "a payload that was changed",
      { payload: Buffer.from("{ }") },
      "its signature is not that of its certificate's key",
    ],
    ["a detached payload", { payload: null }, "it is no COSE_Sign1 with a payload"],
    ["another tag", { tag: 98 }, "it cannot be decoded as CBOR"],
    ["another content type", { headers: { 3: "text/plain" } }, "its content type is not"],
    ["a scheme that is not critical", { headers: { 2: [] } }, "signingScheme is not marked as critical"],
    ["crit that is no list", { headers: { 2: scheme } }, "signingScheme is not marked as critical"],
    [
      "a critical attribute that is not known",
      { headers: { 2: [scheme, "x"], x: 1 } },
      "critical attribute x, and it is not known",
    ],
    ["a critical label that is not known", { headers: { 2: [scheme, 99], 99: 1 } }, "crit names what is not there: 99"],
    [
      "a plugin",
      { headers: { 2: [scheme, `${NOTARY}.verificationPlugin`], [`${NOTARY}.verificationPlugin`]: "p" } },
      "plugins of notation are not there",
    ],
    ["a time without its tag", { headers: { [`${NOTARY}.signingTime`]: 1000 } }, "signingTime is no time"],
    ["a time in text", { headers: { [`${NOTARY}.signingTime`]: seconds("now") } }, "signingTime is no time"],
    ["a certificate that is none", { x5chain: [Buffer.from("x")] }, "x5chain[0] is no certificate that can be used"],
    ["a certificate in text", { x5chain: ["x"] }, "its x5chain[0] is no certificate"],
    ["no certificate", { x5chain: [] }, "its x5chain is empty"],
    [
      "thousands of certificates",
      { x5chain: Array.from({ length: 5000 }, () => "x") },
      "has 5000 certificates, more than 10",
    ],
    ["headers that are no map", { protectedBytes: encode([1]) }, "its protected headers are no map"],
    [
      "a header that is there twice",
      { protectedBytes: Buffer.from("a2012601387f", "hex") },
      "its protected headers cannot be decoded",
    ],
  ];
  for (const [what, parts, sentence] of cases) {
    test(`refuses ${what}`, () => expect(problemOf(make(parts))).toContain(sentence));
  }

  const junk = {
    nothing: "",
    "an array of 2^53 entries": "9b001fffffffffffff",
    "bytes of 2^40 that are not there": "5b0000010000000000",
    "an array of indefinite length": "d29f40a04040ff",
    "something behind it": "d28440a0404000",
    "nesting without end": "81".repeat(200_000),
  };
  for (const [what, hex] of Object.entries(junk)) {
    test(`refuses ${what}`, () => {
      expect(problemOf(Buffer.from(hex, "hex"))).toStartWith("its envelope cannot be understood");
    });
  }
});
