import { describe, expect, test } from "bun:test";
import { type CertificateName, testCertificate, testChain, testKey } from "../../../test/support/test-certificates.ts";
import { digestOf } from "../../oci/hash-digest.ts";
import { checkEnvelope, type TrustedCertificates } from "./check-envelope.ts";
import { type DistinguishedName, parseIdentity } from "./distinguished-name.ts";
import { signJwsEnvelope } from "./sign-jws.ts";
import { signJws } from "./signature-algorithm.ts";

const target = { mediaType: "application/vnd.oci.image.manifest.v1+json", digest: digestOf("image"), size: 5 };
const NOW = Date.UTC(2030, 0, 1);

function sign(...names: readonly [CertificateName, ...CertificateName[]]) {
  const signer = { key: testKey(names[0]), chain: testChain(...names) };
  const bytes = signJwsEnvelope(signer, target, { nowMs: NOW, agent: "test", annotations: { build: "42" } });
  return { mediaType: "application/jose+json", bytes };
}

function trust(name: CertificateName, ...identities: readonly string[]): TrustedCertificates {
  const names = identities.map(parseIdentity).filter((name): name is DistinguishedName => typeof name !== "string");
  return { store: "ca", trusted: [testCertificate(name)], identities: names.length > 0 ? names : undefined };
}

describe("checkEnvelope", () => {
  const envelope = sign("leaf", "intermediate", "root");

  test("finds that a chain leads to the trust store, at its root or in the middle", () => {
    const checked = checkEnvelope(envelope, target, NOW);
    expect(checked.problemFor(trust("root"))).toBeUndefined();
    expect(checked.problemFor(trust("intermediate"))).toBeUndefined();
    expect(checked.signer.name).toBe("C=US, ST=WA, O=acme.io, CN=leaf");
    expect({ annotations: checked.annotations, signedMs: checked.signedMs }).toEqual({
      annotations: { build: "42" },
      signedMs: NOW,
    });
  });

  test("a root of the same name with another key is not trusted", () => {
    expect(checkEnvelope(envelope, target, NOW).problemFor(trust("root-of-same-name"))).toBe(
      "its certificates lead to none in the trust store",
    );
  });

  test("a trust store for signing authorities does not hold for others' signatures", () => {
    const problem = checkEnvelope(envelope, target, NOW).problemFor({ ...trust("root"), store: "signingAuthority" });
    expect(problem).toBe("its scheme is notary.x509, and the trust store is for the other");
  });

  test("identities are parts of the signer's subject", () => {
    const checked = checkEnvelope(envelope, target, NOW);
    expect(checked.problemFor(trust("root", "x509.subject: O=acme.io, S=WA, C=US"))).toBeUndefined();
    expect(checked.problemFor(trust("root", "x509.subject: C=US, ST=WA, O=acme.io, CN=other"))).toBe(
      "its signer is none of C=US, ST=WA, O=acme.io, CN=other",
    );
    const twice = checkEnvelope(sign("leaf-two-units", "root"), target, NOW);
    expect(twice.problemFor(trust("root", "x509.subject: C=US, ST=WA, O=acme.io, OU=b"))).toBe(
      "its certificate's subject has an attribute twice",
    );
  });

  test("is about one image: digest, size and media type", () => {
    for (const other of [{ digest: digestOf("other") }, { size: 6 }, { mediaType: "x" }]) {
      expect(() => checkEnvelope(envelope, { ...target, ...other }, NOW)).toThrow("it was made for sha256:");
    }
  });

  test("a chain with an expired certificate does not count, whoever made it", () => {
    const { notAfterMs, notBeforeMs } = testCertificate("leaf-expired");
    const signer = { key: testKey("leaf-expired"), chain: testChain("leaf-expired", "root") };
    const bytes = signJwsEnvelope(signer, target, { nowMs: notBeforeMs, agent: "test" });
    const made = { mediaType: "application/jose+json", bytes };
    expect(checkEnvelope(made, target, notAfterMs).problemFor(trust("root"))).toBeUndefined();
    expect(() => checkEnvelope(made, target, notAfterMs + 1)).toThrow("CN=leaf-expired has expired");
  });
});

describe("checkEnvelope, of a signing authority", () => {
  const { notBeforeMs, notAfterMs } = testCertificate("leaf-expired");
  const notary = "io.cncf.notary";

  /** As an authority makes it, that vouches for the time. */
  function vouched(signedMs: number) {
    const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
    const headers = encode({
      alg: "ES256",
      cty: "application/vnd.cncf.notary.payload.v1+json",
      crit: [`${notary}.signingScheme`, `${notary}.authenticSigningTime`],
      [`${notary}.signingScheme`]: "notary.x509.signingAuthority",
      [`${notary}.authenticSigningTime`]: new Date(signedMs).toISOString(),
    });
    const payload = encode({ targetArtifact: target });
    const signature = signJws(testKey("leaf-expired"), "ES256", Buffer.from(`${headers}.${payload}`));
    const x5c = testChain("leaf-expired", "root").map(({ der }) => der.toString("base64"));
    const document = { payload, protected: headers, header: { x5c }, signature: signature.toString("base64url") };
    return { mediaType: "application/jose+json", bytes: Buffer.from(JSON.stringify(document)) };
  }

  test("counts after its certificate has expired, if it was made before, and for its own kind of trust store alone", () => {
    const checked = checkEnvelope(vouched(notAfterMs), target, notAfterMs + 1e10);
    expect(checked.problemFor({ ...trust("root"), store: "signingAuthority" })).toBeUndefined();
    expect(checked.problemFor(trust("root"))).toContain("and the trust store is for the other");
  });

  test("made after or before its certificate was valid, it does not count", () => {
    expect(() => checkEnvelope(vouched(notAfterMs + 1000), target, notBeforeMs)).toThrow("has expired");
    expect(() => checkEnvelope(vouched(notBeforeMs - 1000), target, notBeforeMs)).toThrow("is not valid before");
  });
});

describe("signJwsEnvelope", () => {
  test("refuses to make what no verifier would take", () => {
    const options = { nowMs: NOW, agent: "test" };
    const chain = testChain("leaf", "intermediate", "root");
    expect(() => signJwsEnvelope({ key: testKey("leaf-p384"), chain }, target, options)).toThrow(
      "the key is not that of the certificate",
    );
    expect(() => signJwsEnvelope({ key: testKey("leaf"), chain: chain.slice(0, 2) }, target, options)).toThrow(
      "ends the chain",
    );
    expect(() => signJwsEnvelope({ key: testKey("leaf"), chain: [] }, target, options)).toThrow("there is none");
    const expired = { key: testKey("leaf-expired"), chain: testChain("leaf-expired", "root") };
    expect(() => signJwsEnvelope(expired, target, { ...options, nowMs: NOW + 1e12 })).toThrow("has expired");
  });
});
