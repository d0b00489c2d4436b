import { describe, expect, test } from "bun:test";
import { createHmac } from "node:crypto";
import { type CertificateName, testCertificate, testKey } from "../../../test/support/test-certificates.ts";
import { formatError } from "../../errors/gantry-error.ts";
import { openJwsEnvelope } from "./jws-envelope.ts";
import { algorithmOf, type JwsAlgorithm, signJws } from "./signature-algorithm.ts";

interface Parts {
  readonly headers?: Readonly<Record<string, unknown>>;
  readonly chain?: readonly CertificateName[];
  readonly signedBy?: CertificateName;
  readonly sign?: (data: Buffer) => Buffer;
  readonly envelope?: Readonly<Record<string, unknown>>;
}

const NOTARY = "io.cncf.notary";
const GOOD = {
  alg: "ES256",
  cty: "application/vnd.cncf.notary.payload.v1+json",
  crit: [`${NOTARY}.signingScheme`],
  [`${NOTARY}.signingScheme`]: "notary.x509",
  [`${NOTARY}.signingTime`]: "2022-08-29T13:50:00Z",
};

function make({ headers = {}, chain = ["leaf", "intermediate", "root"], signedBy, sign, envelope }: Parts): Uint8Array {
  const encode = (text: string): string => Buffer.from(text).toString("base64url");
  const [leaf = "leaf"] = chain;
  const merged = { ...GOOD, ...headers };
  const protectedHeaders = encode(JSON.stringify(merged));
  const payload = encode('{"targetArtifact":{}}');
  const data = Buffer.from(`${protectedHeaders}.${payload}`);
  const key = testKey(signedBy ?? leaf);
  const signature = sign?.(data) ?? signJws(key, algorithmOf(testKey(signedBy ?? leaf), "key"), data);
  const x5c = chain.map((name) => testCertificate(name).der.toString("base64"));
  const whole = { payload, protected: protectedHeaders, header: { x5c }, signature: signature.toString("base64url") };
  return Buffer.from(JSON.stringify({ ...whole, ...envelope }));
}

function problemOf(parts: Parts): string {
  try {
    openJwsEnvelope(make(parts));
    return "";
  } catch (error) {
    return formatError(error);
  }
}

describe("openJwsEnvelope", () => {
  test("takes what is signed by the key of its first certificate, with the one algorithm of that key", () => {
    const algorithms: readonly (readonly [CertificateName, JwsAlgorithm])[] = [
      ["leaf", "ES256"],
      ["leaf-p384", "ES384"],
      ["leaf-p521", "ES512"],
      ["leaf-rsa2048", "PS256"],
      ["leaf-rsa3072", "PS384"],
    ];
    for (const [name, alg] of algorithms) expect(problemOf({ chain: [name, "root"], headers: { alg } })).toBe("");
  });

  test("tells scheme and times", () => {
    const { scheme, signedMs, expiryMs } = openJwsEnvelope(
      make({
        headers: {
          crit: [`${NOTARY}.signingScheme`, `${NOTARY}.authenticSigningTime`, `${NOTARY}.expiry`],
          [`${NOTARY}.signingScheme`]: "notary.x509.signingAuthority",
          [`${NOTARY}.signingTime`]: undefined,
          [`${NOTARY}.authenticSigningTime`]: "2022-08-29T13:50:00Z",
          [`${NOTARY}.expiry`]: "2099-08-29T15:50:00+02:00",
        },
      }),
    );
    expect({ scheme, signedMs, expiryMs }).toEqual({
      scheme: "notary.x509.signingAuthority",
      signedMs: Date.UTC(2022, 7, 29, 13, 50),
      expiryMs: Date.UTC(2099, 7, 29, 13, 50),
    });
  });

  test("refuses the algorithm none, with and without a signature (CVE-2015-9235)", () => {
    expect(problemOf({ headers: { alg: "none" } })).toContain(
      'alg is "none", and the key of its certificate signs with ES256',
    );
    expect(problemOf({ headers: { alg: "none" }, envelope: { signature: "" } })).toContain(
      "signature is not base64url",
    );
  });

  test("refuses a public key that is used as the secret of an HMAC (CVE-2016-5431)", () => {
    const secret = testCertificate("leaf").publicKey.export({ type: "spki", format: "pem" });
    const sign = (data: Buffer): Buffer => createHmac("sha256", secret).update(data).digest();
    expect(problemOf({ headers: { alg: "HS256" }, sign })).toContain('alg is "HS256"');
  });

  test("refuses an algorithm that is not that of the key: another curve's, RSA for EC, PKCS #1 v1.5", () => {
    for (const alg of ["ES384", "PS256", "RS256"]) expect(problemOf({ headers: { alg } })).toContain(`alg is "${alg}"`);
    expect(problemOf({ chain: ["leaf-rsa2048", "root"], headers: { alg: "RS256" } })).toContain("signs with PS256");
    expect(
      problemOf({ chain: ["leaf-rsa1024", "root"], headers: { alg: "PS256" }, sign: () => Buffer.alloc(128, 1) }),
    ).toContain("has a key that notation does not sign with");
  });

  test("refuses what another key signed, and what was changed afterwards", () => {
    expect(problemOf({ signedBy: "self-signed" })).toBe("its signature is not that of its certificate's key");
    const payload = Buffer.from('{"targetArtifact":{"x":1}}').toString("base64url");
    expect(problemOf({ envelope: { payload } })).toBe("its signature is not that of its certificate's key");
    expect(problemOf({ sign: () => Buffer.alloc(64) })).toBe("its signature is not that of its certificate's key");
  });

  const cases: readonly (readonly [string, Parts, string])[] = [
    [
      "a critical attribute that is not known",
      { headers: { crit: [`${NOTARY}.signingScheme`, "x"], x: 1 } },
      "critical attribute x, and it is not known",
    ],
    [
      "a plugin",
      {
        headers: {
          crit: [`${NOTARY}.signingScheme`, `${NOTARY}.verificationPlugin`],
          [`${NOTARY}.verificationPlugin`]: "p",
        },
      },
      "plugins of notation are not there",
    ],
    [
      "crit that names what is not there",
      { headers: { crit: [`${NOTARY}.signingScheme`, "y"] } },
      "crit names what is not there",
    ],
    ["a scheme that is not critical", { headers: { crit: [] } }, "signingScheme is not marked as critical"],
    [
      "an expiry that is not critical",
      { headers: { [`${NOTARY}.expiry`]: "2099-01-01T00:00:00Z" } },
      "expiry is not marked as critical",
    ],
    [
      "an expiry before the signature",
      {
        headers: {
          crit: [`${NOTARY}.signingScheme`, `${NOTARY}.expiry`],
          [`${NOTARY}.expiry`]: "2001-01-01T00:00:00Z",
        },
      },
      "it expires before it was signed",
    ],
    ["a time that is none", { headers: { [`${NOTARY}.signingTime`]: "yesterday" } }, "signingTime is no time"],
    ["an unknown scheme", { headers: { [`${NOTARY}.signingScheme`]: "pgp" } }, "signingScheme is none that is known"],
    [
      "the other scheme's time",
      { headers: { [`${NOTARY}.authenticSigningTime`]: "2022-08-29T13:50:00Z" } },
      "does not go with notary.x509",
    ],
    ["another content type", { headers: { cty: "application/json" } }, "its content type is not"],
    [
      "certificates that are none",
      { envelope: { header: { x5c: ["AAAA"] } } },
      "header.x5c[0] is no certificate that can be used",
    ],
    ["certificates in base64 junk", { envelope: { header: { x5c: ["*"] } } }, "header.x5c[0] is not base64"],
    ["no certificates", { envelope: { header: { x5c: [] } } }, "header.x5c is empty"],
    [
      "thousands of certificates",
      { envelope: { header: { x5c: Array.from({ length: 5000 }, () => "AAAA") } } },
      "has 5000 certificates, more than 10",
    ],
    ["payload in base64 junk", { envelope: { payload: "a+b/" } }, "payload is not base64url"],
    ["headers that are no JSON", { envelope: { protected: "AAAA" } }, "protected is not JSON in base64url"],
  ];
  for (const [what, parts, sentence] of cases) {
    test(`refuses ${what}`, () => expect(problemOf(parts)).toContain(sentence));
  }

  test("refuses what is no envelope", () => {
    for (const text of ["", "[]", "null", '"x"', "{}", "\xff"]) {
      expect(() => openJwsEnvelope(Buffer.from(text, "latin1"))).toThrow("its envelope cannot be understood");
    }
  });
});
