import { GantryError } from "../../errors/gantry-error.ts";
import type { PrivateKey } from "../keys/private-key.ts";
import type { Certificate } from "../notation/certificate.ts";
import { signBundle } from "./sign-bundle.ts";
import { type ImageToSign, signCosign } from "./sign-cosign.ts";
import { signNotation } from "./sign-notation.ts";
import type { SignatureStore, SignOutcome } from "./signature-store.ts";

export const SIGN_FORMATS = ["cosign", "cosign-bundle", "notation"] as const;
export type SignFormat = (typeof SIGN_FORMATS)[number];

export interface SignImageOptions {
  readonly format: SignFormat;
  readonly key: PrivateKey;
  /** From the signer's own certificate to the root: notation signs with one. @default none */
  readonly chain?: readonly Certificate[];
  /** What to say beside. */
  readonly annotations: Readonly<Record<string, string>>;
  readonly nowMs: number;
  /** What signs, for people: `gantry/0.1.0`. */
  readonly agent: string;
}

/** Signs an image in one of the forms. Signing again with the same key and the same words changes nothing. */
export async function signImage(
  store: SignatureStore,
  image: Omit<ImageToSign, "annotations">,
  options: SignImageOptions,
): Promise<SignOutcome> {
  const { format, key, chain, nowMs, agent } = options;
  const sorted = Object.entries(options.annotations).toSorted(([left], [right]) => (left < right ? -1 : 1));
  const toSign: ImageToSign = { ...image, annotations: Object.fromEntries(sorted) };
  if (format !== "notation" && chain !== undefined) {
    throw new GantryError(
      "invalid-argument",
      `signatures of format ${format} are made by a key alone, without certificates`,
      {
        hint: "leave --certificate out, or sign with --format notation",
      },
    );
  }
  switch (format) {
    case "cosign":
      return await signCosign(store, toSign, key);
    case "cosign-bundle":
      return await signBundle(store, toSign, { key, nowMs });
    case "notation":
      if (chain === undefined) {
        throw new GantryError("invalid-argument", "notation signs with a certificate", {
          hint: "give its file, with all certificates up to the root, by --certificate",
        });
      }
      return await signNotation(store, toSign, { signer: { key: key.object, chain }, nowMs, agent });
  }
}
