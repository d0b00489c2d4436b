import type { RegistryConnections, RegistrySource } from "../distribution/client/registry-connections.ts";
import { GantryError } from "../errors/gantry-error.ts";
import { fetchFromRegistry, selectManifest } from "../image/pull/select-manifest.ts";
import type { Descriptor, Platform } from "../oci/image.ts";
import { hostPlatform } from "../oci/platform.ts";
import { parseReference, type Reference, withDefaultTag } from "../oci/reference.ts";
import { ImageTrust, type TrustReport } from "../trust/image-trust.ts";
import { parsePrivateKey } from "../trust/keys/private-key.ts";
import { readCertificateFile } from "../trust/notation/trust-store.ts";
import { registrySignatures } from "../trust/registry-signatures.ts";
import { SIGN_FORMATS, signImage } from "../trust/sign/sign-image.ts";
import type { SignOutcome } from "../trust/sign/signature-store.ts";
import { openRegistryConnections } from "./open-registry-connections.ts";
import { trustReader } from "./trust-file.ts";
import { userCredentials } from "./user-credentials.ts";

export interface TrustToolsOptions {
  readonly environment: Readonly<Record<string, string | undefined>>;
}

export interface NamedReport extends TrustReport {
  readonly reference: Reference;
  /** What the name stands for. */
  readonly target: Descriptor;
}

export interface SignedImage extends SignOutcome {
  readonly reference: Reference;
  readonly target: Descriptor;
}

export interface SignOptions {
  /** `cosign`, `cosign-bundle`, `notation`. */
  readonly format: string;
  /** A private key in PEM. */
  readonly key: string;
  /** How messages name it. */
  readonly keyName: string;
  /** Asked only if the key is encrypted. */
  readonly password: () => Promise<string>;
  /** A file: the signer's certificate first, the root last. @default none */
  readonly certificatePath?: string;
  readonly annotations: Readonly<Record<string, string>>;
  /** What signs, for people: `gantry/0.1.0`. */
  readonly agent: string;
}

/**
 * What `gantry image trust` and `gantry image sign` work with: registries and policy as the daemon has them. No daemon is asked, and
 * so no private key leaves the process that was given it.
 */
export class TrustTools {
  readonly #options: TrustToolsOptions;
  readonly #registries: RegistryConnections;

  constructor(options: TrustToolsOptions) {
    this.#options = options;
    const { environment } = options;
    this.#registries = openRegistryConnections({ environment, credentials: userCredentials(environment) });
  }

  /**
   * What a pull of this name would find: as it does, a mirror whose signatures do not suffice is passed over.
   *
   * @param platform of an index. @default this host's
   */
  async report(name: string, platform: Platform = hostPlatform()): Promise<NamedReport> {
    const reference = this.#parse(name);
    const sources = await this.#registries.sources(reference);
    for (let next = 0; ; next++) {
      const source = sources[next];
      if (source === undefined) throw new GantryError("internal", `no place to read ${reference.repository} from`);
      const isLast = next === sources.length - 1;
      try {
        const report = await this.#reportFrom(source, reference, platform);
        if (isLast || report.decision.verdict !== "reject") return report;
      } catch (error) {
        if (isLast) throw error;
      }
    }
  }

  async #reportFrom(source: RegistrySource, reference: Reference, platform: Platform): Promise<NamedReport> {
    const { client, reference: from } = source;
    const root = await client.resolve(from);
    const selected = await selectManifest(root, platform, fetchFromRegistry(client, from, undefined));
    const documents = [...selected.indexes, selected].map(({ descriptor }) => descriptor);
    const trust = new ImageTrust({ policy: trustReader(this.#options.environment.GANTRY_TRUST), now: Date.now });
    const report = await trust.report({ reference, documents, source: registrySignatures(client, from) });
    return { ...report, reference, target: root.descriptor };
  }

  /** Signs what a name stands for, an index as a whole, and stores the signature beside it. Idempotent. */
  async sign(name: string, options: SignOptions): Promise<SignedImage> {
    const format = SIGN_FORMATS.find((known) => known === options.format);
    if (format === undefined) {
      const known = SIGN_FORMATS.join(", ");
      throw new GantryError("invalid-argument", `unknown format of signatures: ${options.format}, known are ${known}`);
    }
    const { certificatePath, annotations, agent, password } = options;
    const key = await parsePrivateKey(options.key, options.keyName, { password });
    const chain = certificatePath === undefined ? {} : { chain: readCertificateFile(certificatePath) };
    const reference = this.#parse(name);
    const { client, reference: at } = await this.#registries.target(reference);
    const { descriptor: target } = await client.resolve(at);
    const store = registrySignatures(client, at);
    const signing = { format, key, ...chain, annotations, agent, nowMs: Date.now() };
    return { ...(await signImage(store, { reference, subject: target }, signing)), reference, target };
  }

  /** As `Puller` has it: what has both tag and digest is meant by digest. */
  #parse(name: string): Reference {
    const { defaultRegistry } = this.#registries;
    const { tag, ...rest } = withDefaultTag(parseReference(name, { defaultRegistry }));
    return rest.digest === undefined && tag !== undefined ? { ...rest, tag } : rest;
  }
}
