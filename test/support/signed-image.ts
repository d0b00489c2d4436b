import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { formatError } from "../../src/errors/gantry-error.ts";
import type { Digest } from "../../src/oci/digest.ts";
import { digestOf } from "../../src/oci/hash-digest.ts";
import type { Descriptor } from "../../src/oci/image.ts";
import { parseReference } from "../../src/oci/reference.ts";
import { COSIGN, SIGSTORE_BUNDLE } from "../../src/trust/cosign/media-types.ts";
import { formatSigstoreBundle, formatStatement } from "../../src/trust/cosign/sigstore-bundle.ts";
import { formatSimpleSigning } from "../../src/trust/cosign/simple-signing.ts";
import { signatureTag } from "../../src/trust/find-signatures.ts";
import { ImageTrust } from "../../src/trust/image-trust.ts";
import { signDetached } from "../../src/trust/keys/detached-signature.ts";
import { publicKeyOf } from "../../src/trust/keys/public-key.ts";
import { NOTATION } from "../../src/trust/notation/media-types.ts";
import { signJwsEnvelope } from "../../src/trust/notation/sign-jws.ts";
import { parseTrustPolicy } from "../../src/trust/policy/parse-trust-policy.ts";
import type { MemorySignatures } from "./memory-signatures.ts";
import { testChain, testKey, testPem } from "./test-certificates.ts";

const NOW = Date.UTC(2030, 0, 1);
export const reference = parseReference("registry.lan:5000/app:1");
const REPOSITORY = "registry.lan:5000/app";
export const subject: Descriptor = {
  mediaType: "application/vnd.oci.image.manifest.v1+json",
  digest: digestOf("image"),
  size: 5,
};

export function signed(key: KeyObject, data: Uint8Array): Buffer {
  const pub = publicKeyOf(key, "key");
  return Buffer.from(signDetached({ kind: pub.kind, object: key, public: pub }, data));
}

/** By whom, and for what; of the image itself by default. */
interface Made {
  readonly key: KeyObject;
  readonly digest?: Digest;
  readonly reference?: string;
}

export function cosignLayer(
  source: MemorySignatures,
  { key, digest = subject.digest, reference: name = REPOSITORY }: Made,
): Descriptor {
  const payload = formatSimpleSigning({ reference: name, digest, annotations: {} });
  return {
    ...source.blobOf(payload, COSIGN.simpleSigning),
    annotations: { [COSIGN.signatureAnnotation]: signed(key, payload).toString("base64") },
  };
}

export function manifestOf(
  source: MemorySignatures,
  layers: readonly Descriptor[],
  configType = "application/vnd.oci.image.config.v1+json",
) {
  return { schemaVersion: 2, config: source.blobOf("{}", configType), layers };
}

export function tagCosign(source: MemorySignatures, ...made: readonly Made[]): void {
  source.tag(
    signatureTag(subject.digest),
    manifestOf(
      source,
      made.map((each) => cosignLayer(source, each)),
    ),
  );
}

export function referBundle(source: MemorySignatures, { key, digest = subject.digest }: Made): void {
  const { payload, signed: data } = formatStatement(digest, {});
  const bundle = formatSigstoreBundle(payload, signed(key, data), "");
  source.refer(subject.digest, SIGSTORE_BUNDLE, manifestOf(source, [source.blobOf(bundle, SIGSTORE_BUNDLE)]));
}

export function referNotation(source: MemorySignatures): void {
  const signer = { key: testKey("leaf"), chain: testChain("leaf", "intermediate", "root") };
  const envelope = signJwsEnvelope(signer, subject, { nowMs: NOW, agent: "test" });
  source.refer(
    subject.digest,
    NOTATION.artifact,
    manifestOf(source, [source.blobOf(envelope, NOTATION.jws)], NOTATION.artifact),
  );
}

/** A folder with the files that rules name, `alice.pub`, `bob.pub`, `mallory.pub` and `ca.pem`, and the keys that sign. */
export class TrustFolder implements Disposable {
  readonly #path = mkdtempSync(join(tmpdir(), "gantry-trust-"));
  readonly alice = this.#makeKey("alice");
  readonly bob = this.#makeKey("bob");
  readonly mallory = this.#makeKey("mallory");

  constructor() {
    writeFileSync(join(this.#path, "ca.pem"), testPem("root"));
  }

  #makeKey(name: string): KeyObject {
    const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    writeFileSync(join(this.#path, `${name}.pub`), publicKey.export({ type: "spki", format: "pem" }));
    return privateKey;
  }

  /** Trust by one rule for the image's registry. */
  trustBy(rule: string): ImageTrust {
    const policy = parseTrustPolicy(`[[rule]]\nimage = "registry.lan:5000"\n${rule}`);
    const read = () => ({ policy, path: "/etc/gantry/trust.toml", folder: this.#path });
    return new ImageTrust({ policy: read, now: () => NOW });
  }

  /** What is said of the image: warnings, the refusal, or nothing. */
  async outcome(rule: string, source: MemorySignatures): Promise<string> {
    try {
      const warnings = await this.trustBy(rule).admit({ reference, documents: [subject], source });
      return warnings.join("; ");
    } catch (error) {
      return formatError(error);
    }
  }

  [Symbol.dispose](): void {
    rmSync(this.#path, { recursive: true });
  }
}
