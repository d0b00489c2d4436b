import { describe, expect, test } from "bun:test";
import { generateKeyPairSync } from "node:crypto";
import { MemorySignatures } from "../../../test/support/memory-signatures.ts";
import { testChain, testKeyPem } from "../../../test/support/test-certificates.ts";
import { formatError } from "../../errors/gantry-error.ts";
import { digestOf } from "../../oci/hash-digest.ts";
import type { Descriptor } from "../../oci/image.ts";
import { parseReference } from "../../oci/reference.ts";
import { findSignatures, signatureTag } from "../find-signatures.ts";
import { type PrivateKey, parsePrivateKey } from "../keys/private-key.ts";
import type { Requirement } from "../requirement.ts";
import { verifySignature } from "../verify-signature.ts";
import { SIGN_FORMATS, type SignImageOptions, signImage } from "./sign-image.ts";
import type { SignatureStore } from "./signature-store.ts";

const NOW = Date.UTC(2030, 0, 1);
const reference = parseReference("registry.lan:5000/app:1");
const subject: Descriptor = {
  mediaType: "application/vnd.oci.image.manifest.v1+json",
  digest: digestOf("image"),
  size: 5,
};
const image = { reference, subject };
const chain = testChain("leaf", "intermediate", "root");
const leaf = await parsePrivateKey(testKeyPem("leaf"), "leaf");

function makeKey(): Promise<PrivateKey> {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return parsePrivateKey(String(privateKey.export({ type: "pkcs8", format: "pem" })), "key");
}

function options(format: SignImageOptions["format"], change: Partial<SignImageOptions> = {}): SignImageOptions {
  const certified = format === "notation" ? { chain } : {};
  return { format, key: leaf, ...certified, annotations: { b: "2", a: "1" }, nowMs: NOW, agent: "test", ...change };
}

function byKey(key: PrivateKey): Requirement {
  return { kind: "key", label: "key", key: key.public, identity: "repository" };
}

const byChain: Requirement = {
  kind: "certificates",
  label: "ca",
  store: "ca",
  trusted: chain.slice(-1),
  identities: undefined,
};

describe("signImage", () => {
  for (const format of SIGN_FORMATS) {
    test(`${format}: what it signs verifies, says what was asked for, and is signed once however often`, async () => {
      const store = new MemorySignatures();
      const first = await signImage(store, image, options(format));
      expect(first.status).toBe("signed");
      const again = await signImage(store, image, options(format, { annotations: { a: "1", b: "2" } }));
      expect(again).toEqual({ ...first, status: "already-signed" });
      const found = await findSignatures(store, subject);
      const context = { reference, requirements: [format === "notation" ? byChain : byKey(leaf)], nowMs: NOW };
      const verdicts = found.map((signature) => verifySignature(signature, context));
      expect(verdicts.map(({ meets, problem, annotations }) => ({ meets, problem, annotations }))).toEqual([
        { meets: [0], problem: undefined, annotations: { a: "1", b: "2" } },
      ]);
    });

    test(`${format}: other words, or another's key, are another signature beside the first`, async () => {
      const store = new MemorySignatures();
      await signImage(store, image, options(format));
      expect((await signImage(store, image, options(format, { annotations: {} }))).status).toBe("signed");
      const other = await makeKey();
      if (format !== "notation")
        expect((await signImage(store, image, options(format, { key: other }))).status).toBe("signed");
      expect(await findSignatures(store, subject)).toHaveLength(format === "notation" ? 2 : 3);
    });
  }

  test("a tag that another overwrites at the same moment is read again, until both signatures are in it", async () => {
    const store = new MemorySignatures();
    const [mine, other] = [await makeKey(), await makeKey()];
    const put = store.putManifest.bind(store);
    // The other read the tag when it was empty, too, and writes it just after this one did.
    store.putManifest = async (name, bytes) => {
      await put(name, bytes);
      store.putManifest = put;
      let isFirst = true;
      const stale: SignatureStore = {
        manifest: async (asked) => {
          if (!isFirst) return await store.manifest(asked);
          isFirst = false;
          return undefined;
        },
        referrers: async () => [],
        blob: (descriptor) => store.blob(descriptor),
        pushBlob: (blob) => store.pushBlob(blob),
        putManifest: put,
      };
      await signImage(stale, image, options("cosign", { key: other }));
    };
    await signImage(store, image, options("cosign", { key: mine }));
    const requirements = [byKey(mine), byKey(other)];
    const found = await findSignatures(store, subject);
    const met = found.flatMap((each) => verifySignature(each, { reference, requirements, nowMs: NOW }).meets);
    expect(met.toSorted()).toEqual([0, 1]);
  });

  test("a tag that others overwrite without end is given up, in one sentence", async () => {
    const store = new MemorySignatures();
    const put = store.putManifest.bind(store);
    store.putManifest = async (name, bytes) => {
      await put(name, bytes);
      if ("tag" in name) store.tag(name.tag, { schemaVersion: 2, config: store.blobOf("{}", "x"), layers: [] });
    };
    await expect(signImage(store, image, options("cosign"))).rejects.toThrow("others sign it at once");
  });

  test("a tag with as many signatures as are looked at takes no more", async () => {
    const store = new MemorySignatures();
    const layers = Array.from({ length: 100 }, () => store.blobOf("x", "y"));
    store.tag(signatureTag(subject.digest), { schemaVersion: 2, config: store.blobOf("{}", "x"), layers });
    await expect(signImage(store, image, options("cosign"))).rejects.toThrow("holds 100 signatures");
  });

  const refused: readonly (readonly [string, SignImageOptions, string])[] = [
    [
      "notation without a certificate",
      options("notation", { chain: undefined as never }),
      "notation signs with a certificate",
    ],
    ["cosign with a certificate", options("cosign", { chain }), "are made by a key alone, without certificates"],
  ];
  for (const [what, given, sentence] of refused) {
    test(`refuses ${what}`, async () => {
      const problem = await signImage(new MemorySignatures(), image, given).then(() => "", formatError);
      expect(problem).toContain(sentence);
    });
  }
});
