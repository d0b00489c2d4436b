import { describe, expect, test } from "bun:test";
import { type CertificateName, testCertificate, testChain, testKey } from "../../../test/support/test-certificates.ts";
import { digestOf } from "../../oci/hash-digest.ts";
import { checkEnvelope, type TrustedCertificates } from "./check-envelope.ts";
import { type DistinguishedName, parseIdentity } from "./distinguished-name.ts";
import { signJwsEnvelope } from "./sign-jws.ts";

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
