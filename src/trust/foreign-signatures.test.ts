import { describe, expect, test } from "bun:test";
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
