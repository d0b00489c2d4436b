import { describe, expect, test } from "bun:test";
import { formatError } from "../../errors/gantry-error.ts";
import { digestOf } from "../../oci/hash-digest.ts";
import { formatSigstoreBundle, formatStatement, parseSigstoreBundle } from "./sigstore-bundle.ts";
import { formatSimpleSigning, parseSimpleSigning } from "./simple-signing.ts";

const digest = digestOf("image");

function problemOf(work: () => unknown): string {
  try {
    work();
    return "";
  } catch (error) {
    return formatError(error);
  }
}

describe("simple signing", () => {
  const good = {
    identity: { "docker-reference": "localhost:5000/app" },
    image: { "docker-manifest-digest": digest },
    type: "cosign container image signature",
  };
  const parse = (document: unknown) => parseSimpleSigning(Buffer.from(JSON.stringify(document)));

  test("is written byte for byte as cosign does, and read back", () => {
    const plain = formatSimpleSigning({ reference: "localhost:5000/app", digest, annotations: {} });
    expect(Buffer.from(plain).toString()).toBe(
      `{"critical":{"identity":{"docker-reference":"localhost:5000/app"},"image":{"docker-manifest-digest":"${digest}"},"type":"cosign container image signature"},"optional":null}`,
    );
    const statement = { reference: "localhost:5000/app", digest, annotations: { a: "1", b: "2" } };
    const annotated = formatSimpleSigning({ ...statement, annotations: { b: "2", a: "1" } });
    expect(Buffer.from(annotated).toString()).toEndWith('"optional":{"a":"1","b":"2"}}');
    expect(parseSimpleSigning(annotated)).toEqual(statement);
  });

  test("what the signer adds may be of any type", () => {
    expect(parse({ critical: good, optional: { creator: "x", timestamp: 7 } }).annotations).toEqual({
      creator: "x",
      timestamp: "7",
    });
  });

  const cases: readonly (readonly [string, unknown, string])[] = [
    ["no object", [], "it is no JSON object"],
    ["nothing", {}, "critical.type is not"],
    ["another type", { critical: { ...good, type: "atomic container signature" } }, "critical.type is not"],
    ["no digest", { critical: { ...good, image: {} } }, "docker-manifest-digest is no digest"],
    [
      "a digest in other letters",
      { critical: { ...good, image: { "Docker-manifest-digest": digest } } },
      "docker-manifest-digest is no digest",
    ],
    [
      "a short digest",
      { critical: { ...good, image: { "docker-manifest-digest": "sha256:ab" } } },
      "docker-manifest-digest is no digest",
    ],
    ["no reference", { critical: { ...good, identity: {} } }, "docker-reference is no text"],
    ["something critical that is not known", { critical: { ...good, expires: 1 } }, "critical.expires is not known"],
  ];
  for (const [what, document, sentence] of cases) {
    test(`refuses ${what}`, () => {
      expect(problemOf(() => parse(document))).toStartWith("its payload is no statement of cosign's: ");
      expect(problemOf(() => parse(document))).toContain(sentence);
    });
  }

  test("refuses what is no UTF-8", () =>
    expect(problemOf(() => parseSimpleSigning(Buffer.from([0xff, 0x7b])))).toContain("no JSON"));
});

describe("sigstore bundles", () => {
  const { payload, signed } = formatStatement(digest, { build: "42" });
  const bytes = formatSigstoreBundle(payload, Buffer.from("signature"), "hint");
  const whole = JSON.parse(Buffer.from(bytes).toString());
  const change = (with_: Readonly<Record<string, unknown>>) => () =>
    parseSigstoreBundle(Buffer.from(JSON.stringify({ ...whole, ...with_ })));
  const envelope = (with_: Readonly<Record<string, unknown>>) =>
    change({ dsseEnvelope: { ...whole.dsseEnvelope, ...with_ } });
  const statement = (document: unknown) =>
    envelope({ payload: Buffer.from(JSON.stringify(document)).toString("base64") });

  test("are read back as they were written: what is signed is DSSE's encoding of the statement", () => {
    const parsed = parseSigstoreBundle(bytes);
    expect(parsed.statement).toEqual({ digests: [digest], annotations: { build: "42" } });
    expect(Buffer.from(parsed.signed)).toEqual(Buffer.from(signed));
    expect(Buffer.from(signed).toString()).toStartWith(
      `DSSEv1 28 application/vnd.in-toto+json ${payload.byteLength} {`,
    );
  });

  const base = {
    _type: "https://in-toto.io/Statement/v1",
    predicateType: "https://sigstore.dev/cosign/sign/v1",
    predicate: {},
  };
  const subject = [{ digest: { sha256: digest.slice(7) } }];
  const cases: readonly (readonly [string, () => unknown, string])[] = [
    [
      "a keyless one",
      change({ verificationMaterial: { certificate: { rawBytes: "AAAA" } } }),
      "it is keyless (a certificate of Fulcio)",
    ],
    [
      "a keyless one of the older form",
      change({ verificationMaterial: { x509CertificateChain: {} } }),
      "it is keyless",
    ],
    ["a signature of a file", change({ messageSignature: {} }), "it signs a file, no image"],
    ["another media type", change({ mediaType: "text/plain" }), "its mediaType is not that of a bundle"],
    ["no envelope", change({ dsseEnvelope: undefined }), "dsseEnvelope.payload is not base64"],
    ["base64 junk", envelope({ payload: "*" }), "dsseEnvelope.payload is not base64"],
    ["another payload type", envelope({ payloadType: "text/plain" }), "dsseEnvelope.payloadType is not"],
    ["no signature", envelope({ signatures: [] }), "it has 0 signatures, and one is wanted"],
    ["many signatures", envelope({ signatures: Array.from({ length: 9000 }, () => ({})) }), "it has 9000 signatures"],
    ["a signature in base64 junk", envelope({ signatures: [{ sig: "!" }] }), "sig is not base64"],
    [
      "an attestation",
      statement({ ...base, subject, predicateType: "https://slsa.dev/provenance/v1" }),
      'it attests "https://slsa.dev/provenance/v1", which is no signature of an image',
    ],
    ["another statement", statement({ ...base, subject, _type: "x" }), "its payload is no statement of in-toto"],
    ["a statement about nothing", statement({ ...base, subject: [] }), "it is about 0 subjects"],
    [
      "a statement about thousands",
      statement({ ...base, subject: Array.from({ length: 2000 }, () => subject[0]) }),
      "it is about 2000 subjects",
    ],
  ];
  for (const [what, work, sentence] of cases) {
    test(`refuses ${what}`, () => expect(problemOf(work)).toContain(sentence));
  }
});
