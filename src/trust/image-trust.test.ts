import { afterAll, describe, expect, test } from "bun:test";
import { MemorySignatures } from "../../test/support/memory-signatures.ts";
import {
  cosignLayer,
  manifestOf,
  referBundle,
  reference,
  referNotation,
  signed,
  subject,
  TrustFolder,
  tagCosign,
} from "../../test/support/signed-image.ts";
import { digestOf } from "../oci/hash-digest.ts";
import { parseReference } from "../oci/reference.ts";
import { COSIGN, SIGSTORE_BUNDLE } from "./cosign/media-types.ts";
import { formatSigstoreBundle, formatStatement } from "./cosign/sigstore-bundle.ts";

const trusted = new TrustFolder();
const { alice, bob, mallory } = trusted;
afterAll(() => trusted[Symbol.dispose]());

const BY_ALICE = 'require = [{ key = "alice.pub" }]';

describe("ImageTrust", () => {
  test("admits what a trusted key signed, under cosign's tag", async () => {
    const source = new MemorySignatures();
    tagCosign(source, { key: mallory }, { key: alice });
    expect(await trusted.outcome(BY_ALICE, source)).toBe("");
  });

  test("admits what a trusted key signed, among the referrers, in either form of cosign's", async () => {
    const source = new MemorySignatures();
    source.refer(
      subject.digest,
      COSIGN.artifact,
      manifestOf(source, [cosignLayer(source, { key: alice })], COSIGN.artifact),
    );
    expect(await trusted.outcome(BY_ALICE, source)).toBe("");
    const bundled = new MemorySignatures();
    referBundle(bundled, { key: alice });
    expect(await trusted.outcome(BY_ALICE, bundled)).toBe("");
  });

  test("admits a bundle that is listed under its config's type, as cosign lists it where a registry has no referrers", async () => {
    const source = new MemorySignatures();
    const { payload, signed: data } = formatStatement(subject.digest, {});
    const layer = source.blobOf(formatSigstoreBundle(payload, signed(alice, data), ""), SIGSTORE_BUNDLE);
    const empty = "application/vnd.oci.empty.v1+json";
    source.refer(subject.digest, empty, { ...manifestOf(source, [layer], empty), artifactType: SIGSTORE_BUNDLE });
    source.refer(subject.digest, empty, { ...manifestOf(source, [layer], empty), artifactType: "text/spdx" });
    const report = await trusted.trustBy(BY_ALICE).report({ reference, documents: [subject], source });
    expect(report.verdicts.map(({ found, meets }) => ({ format: found.format, meets }))).toEqual([
      { format: "cosign-bundle", meets: [0] },
    ]);
  });

  test("admits what a trusted authority's certificate signed", async () => {
    const source = new MemorySignatures();
    referNotation(source);
    expect(await trusted.outcome('require = [{ ca = "ca.pem", identities = ["*"] }]', source)).toBe("");
    expect(
      await trusted.outcome(
        'require = [{ ca = "ca.pem", identities = ["x509.subject: C=US, ST=WA, O=other"] }]',
        source,
      ),
    ).toContain("its signer is none of C=US, ST=WA, O=other (its certificate says C=US, ST=WA, O=acme.io, CN=leaf)");
  });

  test("a signature of the index stands for the manifest that was chosen from it", async () => {
    const source = new MemorySignatures();
    tagCosign(source, { key: alice });
    const chosen = { ...subject, digest: digestOf("chosen") };
    const admitted = trusted.trustBy(BY_ALICE).admit({ reference, documents: [subject, chosen], source });
    expect(await admitted).toEqual([]);
  });

  test("counts signers, not signatures", async () => {
    const two = 'threshold = 2\nrequire = [{ key = "alice.pub" }, { key = "bob.pub" }]';
    const source = new MemorySignatures();
    tagCosign(source, { key: alice }, { key: alice });
    referBundle(source, { key: alice });
    expect(await trusted.outcome(two, source)).toContain("it is signed by 1 only (2 of 2 wanted)");
    referBundle(source, { key: bob });
    expect(await trusted.outcome(two, source)).toBe("");
  });

  test("the same key under two names is one signer", async () => {
    const source = new MemorySignatures();
    tagCosign(source, { key: alice });
    expect(
      await trusted.outcome('threshold = 2\nrequire = [{ key = "alice.pub" }, { key = "./alice.pub" }]', source),
    ).toContain("it is signed by 1 only (2 of 2 wanted)");
  });

  test("asks the registry for nothing where no signature is wanted", async () => {
    const source = new MemorySignatures();
    expect(await trusted.outcome(`action = "accept"\n${BY_ALICE}`, source)).toBe("");
    await trusted.trustBy(BY_ALICE).admit({ reference: parseReference("busybox"), documents: [subject], source });
    expect(source.asked).toEqual([]);
  });

  test("warns where the rule only warns", async () => {
    expect(await trusted.outcome(`action = "warn"\n${BY_ALICE}`, new MemorySignatures())).toBe(
      "image registry.lan:5000/app:1 has no signature (1 of 1 wanted)",
    );
  });

  test("rejects in one sentence that says who wants what, and where to look", async () => {
    expect(await trusted.outcome(BY_ALICE, new MemorySignatures())).toBe(
      "image registry.lan:5000/app:1 is rejected by the trust policy: it has no signature (1 of 1 wanted) (/etc/gantry/trust.toml has the rule for registry.lan:5000; see `gantry image trust registry.lan:5000/app:1`)",
    );
  });

  test("a key file that is not there lets nothing pass", async () => {
    const source = new MemorySignatures();
    tagCosign(source, { key: alice });
    expect(await trusted.outcome('require = [{ key = "alice.pub" }, { key = "gone.pub" }]', source)).toContain(
      "cannot read key",
    );
  });

  test("report tells of each signature who made it and what it is worth", async () => {
    const source = new MemorySignatures();
    tagCosign(source, { key: alice }, { key: mallory });
    referNotation(source);
    const { verdicts, decision } = await trusted.trustBy(BY_ALICE).report({ reference, documents: [subject], source });
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
