import type { KeyObject } from "node:crypto";
import { GantryError } from "../../errors/gantry-error.ts";
import type { Descriptor } from "../../oci/image.ts";
import type { Certificate } from "./certificate.ts";
import { checkCertificateChain, formatTime, validityProblem } from "./certificate-chain.ts";
import { NOTATION } from "./media-types.ts";
import { formatNotaryPayload } from "./notary-payload.ts";
import { algorithmOf, signJws } from "./signature-algorithm.ts";

export interface JwsSigner {
  readonly key: KeyObject;
  /** From the signer's own certificate to the root. */
  readonly chain: readonly Certificate[];
}

export interface SignJwsOptions {
  readonly nowMs: number;
  readonly annotations?: Readonly<Record<string, string>>;
  /** What signs, for people: `gantry/0.1.0`. */
  readonly agent: string;
}

/**
 * Signs a descriptor under notation's scheme `notary.x509`. What a verifier would refuse is refused here: a chain that is not
 * whole, a certificate that is not valid now or of another key.
 *
 * @returns the envelope, in JSON.
 */
export function signJwsEnvelope(signer: JwsSigner, target: Descriptor, options: SignJwsOptions): Uint8Array {
  const { key, chain } = signer;
  const [leaf] = chain;
  if (leaf === undefined)
    throw new GantryError("invalid-argument", "notation signs with a certificate, and there is none");
  checkCertificateChain(chain);
  const problem = validityProblem(chain, options.nowMs);
  if (problem !== undefined) throw new GantryError("invalid-argument", `cannot sign: ${problem}`);
  if (!leaf.x509.checkPrivateKey(key)) {
    throw new GantryError("invalid-argument", `cannot sign: the key is not that of the certificate of ${leaf.name}`, {
      hint: "the signer's own certificate comes first in the file, then the authorities up to the root",
    });
  }
  const algorithm = algorithmOf(leaf.publicKey, `the certificate of ${leaf.name}`);
  const scheme = "io.cncf.notary.signingScheme";
  const headers = {
    alg: algorithm,
    crit: [scheme],
    cty: NOTATION.payload,
    [scheme]: "notary.x509",
    "io.cncf.notary.signingTime": formatTime(options.nowMs),
  };
  const encode = (value: Uint8Array | string): string => Buffer.from(value).toString("base64url");
  const payload = encode(formatNotaryPayload(target, options.annotations ?? {}));
  const protectedHeaders = encode(JSON.stringify(headers));
  const signature = signJws(key, algorithm, Buffer.from(`${protectedHeaders}.${payload}`, "ascii"));
  return new TextEncoder().encode(
    JSON.stringify({
      payload,
      protected: protectedHeaders,
      header: {
        x5c: chain.map(({ der }) => der.toString("base64")),
        "io.cncf.notary.signingAgent": options.agent,
      },
      signature: encode(signature),
    }),
  );
}
