import { afterAll, describe, expect, test } from "bun:test";
import { MemorySignatures } from "../../test/support/memory-signatures.ts";
import {
  cosignLayer,
  manifestOf,
  referBundle,
  referNotation,
  subject,
  TrustFolder,
  tagCosign,
} from "../../test/support/signed-image.ts";
import { testPem } from "../../test/support/test-certificates.ts";
import { digestOf } from "../oci/hash-digest.ts";
import { COSIGN, SIGSTORE_BUNDLE } from "./cosign/media-types.ts";
import { signatureTag } from "./find-signatures.ts";
import { NOTATION } from "./notation/media-types.ts";

const trusted = new TrustFolder();
const { alice, mallory } = trusted;
afterAll(() => trusted[Symbol.dispose]());

const BY_ALICE = 'require = [{ key = "alice.pub" }]';

const hostile: readonly (readonly [string, (source: MemorySignatures) => void, string])[] = [
  ["another's signature", (source) => tagCosign(source, { key: mallory }), "no key of the policy made it"],
  [
    "a signature of another image",
    (source) => tagCosign(source, { key: alice, digest: digestOf("other") }),
    "it was made for sha256:",
  ],
  [
    "a signature from another repository",
    (source) => tagCosign(source, { key: alice, reference: "registry.lan:5000/other" }),
    "it was made for registry.lan:5000/other, not for registry.lan:5000/app",
  ],
  [
    "a bundle for another image",
    (source) => referBundle(source, { key: alice, digest: digestOf("other") }),
    "it was made for sha256:",
  ],
  ["a signature by a certificate alone", referNotation, "the policy has no trust store to verify it with"],
  [
    "thousands of layers",
    (source) =>
      source.tag(
        signatureTag(subject.digest),
        manifestOf(
          source,
          Array.from({ length: 5000 }, () => cosignLayer(source, { key: alice })),
        ),
      ),
    "layers has 5000 entries, more than 500",
  ],
  [
    "hundreds of layers",
    (source) =>
      source.tag(
        signatureTag(subject.digest),
        manifestOf(
          source,
          Array.from({ length: 400 }, () => cosignLayer(source, { key: mallory })),
        ),
      ),
    "its manifest has 400 layers, more than 100",
  ],
  [
    "a payload of gigabytes",
    (source) =>
      source.tag(
        signatureTag(subject.digest),
        manifestOf(source, [{ ...cosignLayer(source, { key: alice }), size: 5e9 }]),
      ),
    "it is 5000000000 bytes long, more than 1048576",
  ],
  [
    "a layer of another media type",
    (source) =>
      source.tag(
        signatureTag(subject.digest),
        manifestOf(source, [{ ...cosignLayer(source, { key: alice }), mediaType: "text/plain" }]),
      ),
    'its media type is "text/plain", which is no signature of cosign\'s',
  ],
  [
    "a layer without a signature",
    (source) =>
      source.tag(
        signatureTag(subject.digest),
        manifestOf(source, [{ ...cosignLayer(source, { key: alice }), annotations: {} }]),
      ),
    "its signature is not base64",
  ],
  [
    "a signature in base64 junk",
    (source) =>
      source.tag(
        signatureTag(subject.digest),
        manifestOf(source, [
          { ...cosignLayer(source, { key: alice }), annotations: { [COSIGN.signatureAnnotation]: "***" } },
        ]),
      ),
    "its signature is not base64",
  ],
  [
    "a keyless signature",
    (source) => {
      const layer = cosignLayer(source, { key: alice });
      const annotations = { ...layer.annotations, [COSIGN.certificateAnnotation]: testPem("leaf") };
      source.tag(signatureTag(subject.digest), manifestOf(source, [{ ...layer, annotations }]));
    },
    "it is keyless (a certificate of Fulcio)",
  ],
  [
    "a blob that is not its digest's",
    (source) => {
      const layer = cosignLayer(source, { key: alice });
      source.corrupt(layer.digest, Buffer.alloc(layer.size));
      source.tag(signatureTag(subject.digest), manifestOf(source, [layer]));
    },
    "its blob is not sha256:",
  ],
  [
    "a blob that is not there",
    (source) =>
      source.tag(
        signatureTag(subject.digest),
        manifestOf(source, [{ ...cosignLayer(source, { key: alice }), digest: digestOf("gone") }]),
      ),
    "no blob sha256:",
  ],
  [
    "a tag that is no manifest",
    (source) => source.tag(signatureTag(subject.digest), { schemaVersion: 2 }),
    "document is no manifest",
  ],
  [
    "a tag of Docker's first schema",
    (source) => source.tag(signatureTag(subject.digest), { schemaVersion: 1 }),
    "schema 1",
  ],
  [
    "an envelope in COSE that is none",
    (source) =>
      source.refer(
        subject.digest,
        NOTATION.artifact,
        manifestOf(source, [source.blobOf("x", NOTATION.cose)], NOTATION.artifact),
      ),
    "its envelope cannot be understood: it cannot be decoded as CBOR",
  ],
  [
    "a bundle of two layers",
    (source) =>
      source.refer(
        subject.digest,
        SIGSTORE_BUNDLE,
        manifestOf(source, [source.blobOf("x", SIGSTORE_BUNDLE), source.blobOf("y", SIGSTORE_BUNDLE)]),
      ),
    "its manifest has 2 layers, and one is wanted",
  ],
  [
    "hundreds of referrers",
    (source) => {
      for (let index = 0; index < 300; index++) {
        source.refer(subject.digest, SIGSTORE_BUNDLE, {
          ...manifestOf(source, [source.blobOf("{}", SIGSTORE_BUNDLE)]),
          annotations: { index: `${index}` },
        });
      }
    },
    "101 signatures, none of which counts",
  ],
];

describe("ImageTrust", () => {
  for (const [what, put, sentence] of hostile) {
    test(`${what}: not accepted, and said`, async () => {
      const source = new MemorySignatures();
      put(source);
      const said = await trusted.outcome(BY_ALICE, source);
      expect(said).toContain("is rejected by the trust policy");
      expect(said).toContain(sentence);
    });

    test(`${what}: hinders no good signature`, async () => {
      const source = new MemorySignatures();
      referBundle(source, { key: alice });
      put(source);
      expect(await trusted.outcome(BY_ALICE, source)).toBe("");
    });
  }
});
