import { afterAll, describe, expect, test } from "bun:test";
import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MemorySignatures } from "../../test/support/memory-signatures.ts";
import { testChain, testKey, testPem } from "../../test/support/test-certificates.ts";
import { formatError } from "../errors/gantry-error.ts";
import type { Digest } from "../oci/digest.ts";
import { digestOf } from "../oci/hash-digest.ts";
import type { Descriptor } from "../oci/image.ts";
import { parseReference } from "../oci/reference.ts";
import { COSIGN, SIGSTORE_BUNDLE } from "./cosign/media-types.ts";
import { formatSigstoreBundle, formatStatement } from "./cosign/sigstore-bundle.ts";
import { formatSimpleSigning } from "./cosign/simple-signing.ts";
import { signatureTag } from "./find-signatures.ts";
import { ImageTrust } from "./image-trust.ts";
import { signDetached } from "./keys/detached-signature.ts";
import { publicKeyOf } from "./keys/public-key.ts";
import { NOTATION } from "./notation/media-types.ts";
import { signJwsEnvelope } from "./notation/sign-jws.ts";
import { parseTrustPolicy } from "./policy/parse-trust-policy.ts";

const folder = mkdtempSync(join(tmpdir(), "gantry-trust-"));
afterAll(() => rmSync(folder, { recursive: true }));

const NOW = Date.UTC(2030, 0, 1);
const reference = parseReference("registry.lan:5000/app:1");
const REPOSITORY = "registry.lan:5000/app";
const subject: Descriptor = {
  mediaType: "application/vnd.oci.image.manifest.v1+json",
  digest: digestOf("image"),
  size: 5,
};

function makeKey(name: string): KeyObject {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  writeFileSync(join(folder, `${name}.pub`), publicKey.export({ type: "spki", format: "pem" }));
  return privateKey;
}

const [alice, bob, mallory] = [makeKey("alice"), makeKey("bob"), makeKey("mallory")];
writeFileSync(join(folder, "ca.pem"), testPem("root"));

function signed(key: KeyObject, data: Uint8Array): Buffer {
  const pub = publicKeyOf(key, "key");
  return Buffer.from(signDetached({ kind: pub.kind, object: key, public: pub }, data));
}

interface Made {
  readonly key: KeyObject;
  readonly digest?: Digest;
  readonly reference?: string;
}

function cosignLayer(
  source: MemorySignatures,
  { key, digest = subject.digest, reference: name = REPOSITORY }: Made,
): Descriptor {
  const payload = formatSimpleSigning({ reference: name, digest, annotations: {} });
  return {
    ...source.blobOf(payload, COSIGN.simpleSigning),
    annotations: { [COSIGN.signatureAnnotation]: signed(key, payload).toString("base64") },
  };
}

function manifestOf(
  source: MemorySignatures,
  layers: readonly Descriptor[],
  configType = "application/vnd.oci.image.config.v1+json",
) {
  return { schemaVersion: 2, config: source.blobOf("{}", configType), layers };
}

function tagCosign(source: MemorySignatures, ...made: readonly Made[]): void {
  source.tag(
    signatureTag(subject.digest),
    manifestOf(
      source,
      made.map((each) => cosignLayer(source, each)),
    ),
  );
}

function referBundle(source: MemorySignatures, { key, digest = subject.digest }: Made): void {
  const { payload, signed: data } = formatStatement(digest, {});
  const bundle = formatSigstoreBundle(payload, signed(key, data), "");
  source.refer(subject.digest, SIGSTORE_BUNDLE, manifestOf(source, [source.blobOf(bundle, SIGSTORE_BUNDLE)]));
}

function referNotation(source: MemorySignatures): void {
  const signer = { key: testKey("leaf"), chain: testChain("leaf", "intermediate", "root") };
  const envelope = signJwsEnvelope(signer, subject, { nowMs: NOW, agent: "test" });
  source.refer(
    subject.digest,
    NOTATION.artifact,
    manifestOf(source, [source.blobOf(envelope, NOTATION.jws)], NOTATION.artifact),
  );
}

function trustBy(rule: string): ImageTrust {
  const policy = parseTrustPolicy(`[[rule]]\nimage = "registry.lan:5000"\n${rule}`);
  return new ImageTrust({ policy: () => ({ policy, path: "/etc/gantry/trust.toml", folder }), now: () => NOW });
}

async function outcome(rule: string, source: MemorySignatures): Promise<string> {
  try {
    const warnings = await trustBy(rule).admit({ reference, documents: [subject], source });
    return warnings.join("; ");
  } catch (error) {
    return formatError(error);
  }
}

const BY_ALICE = 'require = [{ key = "alice.pub" }]';

describe("ImageTrust", () => {
  test("admits what a trusted key signed, under cosign's tag", async () => {
    const source = new MemorySignatures();
    tagCosign(source, { key: mallory }, { key: alice });
    expect(await outcome(BY_ALICE, source)).toBe("");
  });

  test("admits what a trusted key signed, among the referrers, in either form of cosign's", async () => {
    const source = new MemorySignatures();
    source.refer(
      subject.digest,
      COSIGN.artifact,
      manifestOf(source, [cosignLayer(source, { key: alice })], COSIGN.artifact),
    );
    expect(await outcome(BY_ALICE, source)).toBe("");
    const bundled = new MemorySignatures();
    referBundle(bundled, { key: alice });
    expect(await outcome(BY_ALICE, bundled)).toBe("");
  });

  test("admits a bundle that is listed under its config's type, as cosign lists it where a registry has no referrers", async () => {
    const source = new MemorySignatures();
    const { payload, signed: data } = formatStatement(subject.digest, {});
    const layer = source.blobOf(formatSigstoreBundle(payload, signed(alice, data), ""), SIGSTORE_BUNDLE);
    const empty = "application/vnd.oci.empty.v1+json";
    source.refer(subject.digest, empty, { ...manifestOf(source, [layer], empty), artifactType: SIGSTORE_BUNDLE });
    source.refer(subject.digest, empty, { ...manifestOf(source, [layer], empty), artifactType: "text/spdx" });
    const report = await trustBy(BY_ALICE).report({ reference, documents: [subject], source });
    expect(report.verdicts.map(({ found, meets }) => ({ format: found.format, meets }))).toEqual([
      { format: "cosign-bundle", meets: [0] },
    ]);
  });

  test("admits what a trusted authority's certificate signed", async () => {
    const source = new MemorySignatures();
    referNotation(source);
    expect(await outcome('require = [{ ca = "ca.pem", identities = ["*"] }]', source)).toBe("");
    expect(
      await outcome('require = [{ ca = "ca.pem", identities = ["x509.subject: C=US, ST=WA, O=other"] }]', source),
    ).toContain("its signer is none of C=US, ST=WA, O=other (its certificate says C=US, ST=WA, O=acme.io, CN=leaf)");
  });

  test("a signature of the index stands for the manifest that was chosen from it", async () => {
    const source = new MemorySignatures();
    tagCosign(source, { key: alice });
    const chosen = { ...subject, digest: digestOf("chosen") };
    const admitted = trustBy(BY_ALICE).admit({ reference, documents: [subject, chosen], source });
    expect(await admitted).toEqual([]);
  });

  test("counts signers, not signatures", async () => {
    const two = 'threshold = 2\nrequire = [{ key = "alice.pub" }, { key = "bob.pub" }]';
    const source = new MemorySignatures();
    tagCosign(source, { key: alice }, { key: alice });
    referBundle(source, { key: alice });
    expect(await outcome(two, source)).toContain("it is signed by 1 only (2 of 2 wanted)");
    referBundle(source, { key: bob });
    expect(await outcome(two, source)).toBe("");
  });

  test("the same key under two names is one signer", async () => {
    const source = new MemorySignatures();
    tagCosign(source, { key: alice });
    expect(
      await outcome('threshold = 2\nrequire = [{ key = "alice.pub" }, { key = "./alice.pub" }]', source),
    ).toContain("it is signed by 1 only (2 of 2 wanted)");
  });

  test("asks the registry for nothing where no signature is wanted", async () => {
    const source = new MemorySignatures();
    expect(await outcome(`action = "accept"\n${BY_ALICE}`, source)).toBe("");
    await trustBy(BY_ALICE).admit({ reference: parseReference("busybox"), documents: [subject], source });
    expect(source.asked).toEqual([]);
  });

  test("warns where the rule only warns", async () => {
    expect(await outcome(`action = "warn"\n${BY_ALICE}`, new MemorySignatures())).toBe(
      "image registry.lan:5000/app:1 has no signature (1 of 1 wanted)",
    );
  });

  test("rejects in one sentence that says who wants what, and where to look", async () => {
    expect(await outcome(BY_ALICE, new MemorySignatures())).toBe(
      "image registry.lan:5000/app:1 is rejected by the trust policy: it has no signature (1 of 1 wanted) (/etc/gantry/trust.toml has the rule for registry.lan:5000; see `gantry image trust registry.lan:5000/app:1`)",
    );
  });

  test("a key file that is not there lets nothing pass", async () => {
    const source = new MemorySignatures();
    tagCosign(source, { key: alice });
    expect(await outcome('require = [{ key = "alice.pub" }, { key = "gone.pub" }]', source)).toContain(
      "cannot read key",
    );
  });

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
  for (const [what, put, sentence] of hostile) {
    test(`${what}: not accepted, and said`, async () => {
      const source = new MemorySignatures();
      put(source);
      const said = await outcome(BY_ALICE, source);
      expect(said).toContain("is rejected by the trust policy");
      expect(said).toContain(sentence);
    });

    test(`${what}: hinders no good signature`, async () => {
      const source = new MemorySignatures();
      referBundle(source, { key: alice });
      put(source);
      expect(await outcome(BY_ALICE, source)).toBe("");
    });
  }

  test("report tells of each signature who made it and what it is worth", async () => {
    const source = new MemorySignatures();
    tagCosign(source, { key: alice }, { key: mallory });
    referNotation(source);
    const { verdicts, decision } = await trustBy(BY_ALICE).report({ reference, documents: [subject], source });
    expect(decision).toEqual({ verdict: "accept", reason: "is signed by 1 (1 of 1 wanted)" });
    expect(
      verdicts.map(({ found, signer, meets, problem }) => ({
        format: found.format,
        signer: signer?.name,
        meets,
        problem,
      })),
    ).toEqual([
      { format: "cosign", signer: "alice.pub", meets: [0], problem: undefined },
      { format: "cosign", signer: undefined, meets: [], problem: "no key of the policy made it" },
      {
        format: "notation",
        signer: undefined,
        meets: [],
        problem:
          "the policy has no trust store to verify it with (its certificate says C=US, ST=WA, O=acme.io, CN=leaf)",
      },
    ]);
  });
});
