import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { NO_RULES } from "../rules/access-rules.ts";
import { findCertificateUser, readPeerCertificate } from "./client-certificate.ts";

describe("readPeerCertificate", () => {
  test("common name, DNS names and URIs are read", () => {
    const peer = {
      subject: { CN: "alice" },
      subjectaltname: "DNS:Build.LAN, IP Address:127.0.0.1, URI:spiffe://example.org/build, DNS:b.lan",
    };
    expect(readPeerCertificate(peer)).toEqual({
      commonName: "alice",
      dnsNames: ["build.lan", "b.lan"],
      uris: ["spiffe://example.org/build"],
    });
  });

  test("CVE-2021-44532: a name that holds another one is only itself", () => {
    const peer = { subjectaltname: 'URI:"http://x, DNS:evil.lan", DNS:good.lan' };
    expect(readPeerCertificate(peer)).toEqual({ dnsNames: ["good.lan"], uris: ["http://x, DNS:evil.lan"] });
    expect(readPeerCertificate({ subjectaltname: 'URI:a"b, DNS:evil.lan' }).dnsNames).toEqual([]);
    expect(readPeerCertificate({ subjectaltname: 'URI:"a"DNS:evil.lan' }).dnsNames).toEqual([]);
  });

  test("of several common names none counts", () => {
    expect(readPeerCertificate({ subject: { CN: ["alice", "root"] } })).toEqual({ dnsNames: [], uris: [] });
  });

  test("any text ends", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        readPeerCertificate({ subjectaltname: text });
      }),
    );
  });
});

describe("findCertificateUser", () => {
  const rules = {
    ...NO_RULES,
    certificates: new Map([
      ["CN=alice", "alice"],
      ["URI=spiffe://example.org/alice", "alice"],
      ["DNS=build.lan", "build"],
    ]),
  };

  test("any of a user's names finds them", () => {
    expect(findCertificateUser(rules, { commonName: "alice", dnsNames: [], uris: [] })).toBe("alice");
    expect(findCertificateUser(rules, { dnsNames: ["x", "build.lan"], uris: [] })).toBe("build");
    const both = { commonName: "alice", dnsNames: [], uris: ["spiffe://example.org/alice"] };
    expect(findCertificateUser(rules, both)).toBe("alice");
    expect(findCertificateUser(rules, { commonName: "build.lan", dnsNames: ["alice"], uris: [] })).toBeUndefined();
  });

  test("one with the names of two users is refused", () => {
    const certificate = { commonName: "alice", dnsNames: ["build.lan"], uris: [] };
    expect(() => findCertificateUser(rules, certificate)).toThrow("names several users: alice, build");
  });
});
