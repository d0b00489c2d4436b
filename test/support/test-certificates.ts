import { createPrivateKey, type KeyObject } from "node:crypto";
import { type Certificate, parseCertificate } from "../../src/trust/notation/certificate.ts";
import made from "./test-certificates.json" with { type: "json" };

export type CertificateName = keyof typeof made;

/** A certificate of scripts/make-certificates.ts. */
export function testCertificate(name: CertificateName): Certificate {
  const body = made[name].certificate.replace(/-----[A-Z ]+-----|\s/g, "");
  return parseCertificate(Buffer.from(body, "base64"), name);
}

export function testChain(...names: readonly CertificateName[]): readonly Certificate[] {
  return names.map(testCertificate);
}

/** The private key of a certificate. Anybody has it: it protects nothing. */
export function testKey(name: CertificateName): KeyObject {
  return createPrivateKey(made[name].key);
}

export function testPem(name: CertificateName): string {
  return made[name].certificate;
}

export function testKeyPem(name: CertificateName): string {
  return made[name].key;
}
