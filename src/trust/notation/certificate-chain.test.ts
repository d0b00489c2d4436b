import { describe, expect, test } from "bun:test";
import { type CertificateName, testCertificate, testChain } from "../../../test/support/test-certificates.ts";
import { formatError } from "../../errors/gantry-error.ts";
import { checkCertificateChain, validityProblem } from "./certificate-chain.ts";

function problemOf(...names: readonly CertificateName[]): string {
  try {
    checkCertificateChain(testChain(...names));
    return "";
  } catch (error) {
    return formatError(error);
  }
}

describe("checkCertificateChain", () => {
  test("takes a leaf with its authorities up to the root, and a self-signed leaf", () => {
    expect(problemOf("leaf", "intermediate", "root")).toBe("");
    expect(problemOf("leaf-p384", "root")).toBe("");
    expect(problemOf("leaf-rsa2048", "root")).toBe("");
    expect(problemOf("self-signed")).toBe("");
  });

  const cases: readonly (readonly [string, string, ...CertificateName[]])[] = [
    ["no certificates", "it has no certificates"],
    [
      "a chain without its root",
      "O=acme.io, CN=intermediate ends the chain and is no self-signed root",
      "leaf",
      "intermediate",
    ],
    [
      "certificates in the wrong order",
      "was not signed by C=US, ST=WA, O=acme.io, CN=acme root",
      "leaf",
      "root",
      "intermediate",
    ],
    [
      "a root of the same name with another key",
      "was not signed by C=US, ST=WA, O=acme.io, CN=acme root",
      "leaf-p384",
      "root-of-same-name",
    ],
    ["a second root behind the first", "is self-signed, and stands in the middle", "leaf-p384", "root", "root"],
    ["a self-signed leaf before others", "is self-signed, and stands first", "self-signed", "root"],
    ["an authority that signs by itself", "is an authority's, which signs no images", "leaf-ca", "root"],
    ["a lone root", "is an authority's, which signs no images", "root"],
    ["a leaf without keyUsage", "CN=leaf-no-usage has no critical keyUsage", "leaf-no-usage", "root"],
    ["a leaf whose keyUsage is not critical", "has no critical keyUsage", "leaf-usage-not-critical", "root"],
    ["a leaf that may encipher", "is for more than digital signatures", "leaf-encipherment", "root"],
    ["a TLS server's certificate", "is one for TLS servers", "leaf-tls", "root"],
    ["a certificate signed over SHA-1", "is signed with an algorithm that is not accepted", "leaf-sha1", "root"],
    [
      "a leaf below one that is no authority",
      "is that of no authority",
      "leaf-of-no-authority",
      "not-an-authority",
      "root",
    ],
    [
      "more authorities than one above allows",
      "allows 0 authorities below it, and there are 1",
      "leaf-too-deep",
      "authority-too-deep",
      "intermediate",
      "root",
    ],
  ];
  for (const [what, sentence, ...chain] of cases) {
    test(`refuses ${what}`, () => expect(problemOf(...chain)).toContain(sentence));
  }

  test("refuses a chain that does not end", () => {
    const chain = Array.from({ length: 11 }, () => testCertificate("leaf"));
    expect(() => checkCertificateChain(chain)).toThrow("it has 11 certificates, more than 10");
  });
});

describe("validityProblem", () => {
  const expired = testCertificate("leaf-expired");

  test("holds from the first to the last moment of every certificate", () => {
    const chain = [expired, testCertificate("root")];
    expect(validityProblem(chain, expired.notBeforeMs)).toBeUndefined();
    expect(validityProblem(chain, expired.notAfterMs)).toBeUndefined();
  });

  test("names the certificate that is not valid", () => {
    expect(validityProblem([expired], expired.notAfterMs + 1)).toStartWith(
      "the certificate of C=US, ST=WA, O=acme.io, CN=leaf-expired has expired, ",
    );
    expect(validityProblem([expired], expired.notBeforeMs - 1)).toContain("is not valid before");
    expect(validityProblem([expired], Number.NaN)).toContain("is not valid before");
  });
});
