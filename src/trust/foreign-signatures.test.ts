import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import foreign from "../../test/support/foreign-signatures.json" with { type: "json" };
import { testCertificate } from "../../test/support/test-certificates.ts";
import { GantryError } from "../errors/gantry-error.ts";
import type { Digest } from "../oci/digest.ts";
import { digestOf } from "../oci/hash-digest.ts";
import type { Descriptor } from "../oci/image.ts";
import { parseManifest } from "../oci/manifest.ts";
import { MEDIA_TYPES } from "../oci/media-types.ts";
import { parseReference } from "../oci/reference.ts";
import { findSignatures, type SignatureSource } from "./find-signatures.ts";
import type { SignatureContent } from "./found-signature.ts";
import { isSignedBy, signDetached } from "./keys/detached-signature.ts";
import { parsePrivateKey } from "./keys/private-key.ts";
import { parsePublicKey } from "./keys/public-key.ts";
import type { Requirement } from "./requirement.ts";
import { verifySignature } from "./verify-signature.ts";

type Texts = Readonly<Record<string, string | undefined>>;
type Foreign = (typeof foreign.made)[keyof typeof foreign.made];

const NOW = Date.UTC(2030, 0, 1);

/** What a registry held beside the image, byte for byte. */
function sourceOf(manifests: Texts, blobs: Texts, subject: Digest): SignatureSource {
  return {
    async manifest(name) {
      const text = manifests["tag" in name ? name.tag : name.digest];
      const document = text === undefined ? undefined : parseManifest(Buffer.from(text));
      if (document?.kind !== "manifest") return undefined;
      const digest = digestOf(text ?? "");
      return { descriptor: { mediaType: document.mediaType, digest, size: 0 }, manifest: document.manifest };
    },
    async referrers() {
      const text = manifests[subject.replace(":", "-")];
      const document = text === undefined ? undefined : parseManifest(Buffer.from(text));
      return document?.kind === "index" ? document.index.manifests : [];
    },
    async blob({ digest }) {
      const text = blobs[digest];
      if (text === undefined) throw new GantryError("not-found", `no blob ${digest}`);
      return text.startsWith("base64:") ? Buffer.from(text.slice("base64:".length), "base64") : Buffer.from(text);
    },
  };
}

function requirementOf({ trusted }: Foreign): Requirement {
  if (trusted.includes("BEGIN PUBLIC KEY")) {
    return { kind: "key", label: "key", key: parsePublicKey(trusted, "key"), identity: "repository" };
  }
  return { kind: "certificates", label: "ca", store: "ca", trusted: [testCertificate("root")], identities: undefined };
}

async function verdictsOf(each: Foreign, change: (subject: Descriptor) => Descriptor = (subject) => subject) {
  const digest = each.digest as Digest;
  const subject = change({ mediaType: MEDIA_TYPES.ociManifest, digest, size: each.size });
  const found = await findSignatures(sourceOf(each.manifests, each.blobs, digest), { ...subject, digest });
  const context = { reference: parseReference(each.reference), requirements: [requirementOf(each)], nowMs: NOW };
  return found.map((signature) => verifySignature({ ...signature, subject }, context));
}

describe("signatures that others made", () => {
  for (const [title, each] of Object.entries(foreign.made)) {
    test(`${title}: verifies, with what its signer said beside`, async () => {
      const verdicts = await verdictsOf(each);
      expect(verdicts.map(({ meets, problem, annotations }) => ({ meets, problem, annotations }))).toEqual([
        { meets: [0], problem: undefined, annotations: { build: "42" } },
      ]);
    });

    test(`${title}: does not stand for another image`, async () => {
      const [verdict] = await verdictsOf(each, (subject) => ({ ...subject, digest: digestOf("another") }));
      expect(verdict?.meets).toEqual([]);
      expect(verdict?.problem).toStartWith("it was made for sha256:");
    });
  }

  test("another's key or root verifies none of them", async () => {
    for (const each of Object.values(foreign.made)) {
      const other = each.trusted === foreign.keys.rsa.public ? foreign.keys.ecdsa.public : foreign.keys.rsa.public;
      const [verdict] = await verdictsOf({ ...each, trusted: other });
      expect(verdict?.meets).toEqual([]);
    }
  });
});

/** The same signature over, or in, other bytes. */
function withBytes(content: SignatureContent, bytes: Uint8Array): SignatureContent {
  switch (content.kind) {
    case "cosign":
      return { ...content, payload: bytes };
    case "cosign-bundle":
      return { ...content, bundle: bytes };
    case "notation":
      return { ...content, bytes };
    case "unreadable":
      throw new Error(content.problem);
  }
}

describe("signatures that were tampered with", () => {
  const all = Object.values(foreign.made);

  test("a byte that is changed anywhere is a verdict: what the signer said stands, or counts for nothing", async () => {
    const place = fc.record({ which: fc.nat(all.length - 1), at: fc.nat(), xor: fc.integer({ min: 1, max: 255 }) });
    await fc.assert(
      fc.asyncProperty(place, async ({ which, at, xor }) => {
        const each = all[which];
        const [blob = ""] = Object.keys(each?.blobs ?? {});
        if (each === undefined) return;
        const subject = { mediaType: MEDIA_TYPES.ociManifest, digest: each.digest as Digest, size: each.size };
        const source = sourceOf(each.manifests, each.blobs, subject.digest);
        const bytes = Buffer.from(await source.blob({ mediaType: "", digest: blob as Digest, size: 0 }));
        bytes[at % bytes.length] = (bytes[at % bytes.length] ?? 0) ^ xor;
        const [found] = await findSignatures(source, subject);
        if (found === undefined) throw new Error("nothing was found");
        const { content } = found;
        const tampered = withBytes(content, bytes);
        const context = { reference: parseReference(each.reference), requirements: [requirementOf(each)], nowMs: NOW };
        const { meets, problem, annotations } = verifySignature({ ...found, content: tampered }, context);
        // What stands beside the signature may change (the name of the program that signed), nothing in it.
        if (meets.length > 0) expect(annotations).toEqual({ build: "42" });
        else expect(problem).toBeString();
        if (content.kind === "cosign") expect(meets).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });

  test("bytes of any kind are a verdict in every form, and never count", () => {
    const [each] = all;
    if (each === undefined) throw new Error("there is none");
    const subject = { mediaType: MEDIA_TYPES.ociManifest, digest: each.digest as Digest, size: each.size };
    const requirements = [requirementOf(each)];
    const context = { reference: parseReference(each.reference), requirements, nowMs: NOW };
    const contents = (bytes: Uint8Array): readonly SignatureContent[] => [
      { kind: "cosign", payload: bytes, signature: Buffer.from(bytes).toString("base64") },
      { kind: "cosign-bundle", bundle: bytes },
      { kind: "notation", mediaType: "application/jose+json", bytes },
      { kind: "notation", mediaType: "application/cose", bytes },
    ];
    const json = fc.json().map((text) => Buffer.from(text));
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), json), (bytes) => {
        for (const content of contents(bytes)) {
          const found = { format: "cosign" as const, subject, manifest: subject.digest, content };
          expect(verifySignature(found, context).meets).toEqual([]);
        }
      }),
    );
  });
});

describe("keys that cosign encrypted", () => {
  for (const [kind, { private: pem, public: publicPem }] of Object.entries(foreign.keys)) {
    test(`${kind}: opens with its password, and signs for its public key`, async () => {
      const key = await parsePrivateKey(pem, "cosign.key", { password: async () => foreign.password });
      const data = Buffer.from("payload");
      expect(isSignedBy(parsePublicKey(publicPem, "cosign.pub"), data, signDetached(key, data))).toBe(true);
      const wrong = parsePrivateKey(pem, "cosign.key", { password: async () => "wrong" });
      await expect(wrong).rejects.toThrow("cannot decrypt cosign.key: the password is wrong, or the file is damaged");
    });
  }
});
