import { resolve } from "node:path";
import { GantryError } from "../../errors/gantry-error.ts";
import { readRegularFile } from "../../platform/text-file.ts";
import { parsePublicKey } from "../keys/public-key.ts";
import { readTrustStore } from "../notation/trust-store.ts";
import type { Requirement } from "../requirement.ts";
import type { RequirementSource } from "./trust-policy.ts";

/**
 * Reads the keys and certificates that a rule names, anew for each image: a key that was replaced holds from then on.
 *
 * @param folder where relative paths start: that of the policy file.
 * @throws `invalid-argument` naming the first file that cannot be used. Nothing is decided without it.
 */
export function loadRequirements(sources: readonly RequirementSource[], folder: string): readonly Requirement[] {
  return sources.map((source, index) => load(source, index, folder));
}

function load(source: RequirementSource, index: number, folder: string): Requirement {
  switch (source.kind) {
    case "key": {
      const { key, identity } = source;
      return { kind: "key", label: `key ${key.fingerprint.slice(7, 19)}`, key, identity };
    }
    case "key-file": {
      const path = resolve(folder, source.path);
      const key = parsePublicKey(readKey(path, index), path);
      return { kind: "key", label: source.path, key, identity: source.identity };
    }
    case "certificates": {
      const { store, path, identities } = source;
      return { kind: "certificates", label: path, store, trusted: readTrustStore(resolve(folder, path)), identities };
    }
  }
}

function readKey(path: string, index: number): string {
  try {
    return readRegularFile(path);
  } catch (cause) {
    throw new GantryError("invalid-argument", `cannot read key ${path}, that require[${index}] of the policy names`, {
      cause,
    });
  }
}
