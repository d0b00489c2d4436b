import { readdirSync } from "node:fs";
import { join } from "node:path";
import type { RegistryCertificates } from "../distribution/client/http-exchange.ts";
import { GantryError } from "../errors/gantry-error.ts";
import { isSameRegistry } from "../oci/comparable-host.ts";
import { readTextFile } from "../platform/text-file.ts";

/** Where administrators put certificates for registries: ours, Docker's, podman's. */
const FOLDERS: readonly string[] = ["/etc/gantry/certs.d", "/etc/docker/certs.d", "/etc/containers/certs.d"];

function filesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder).sort();
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && (cause.code === "ENOENT" || cause.code === "ENOTDIR")) return [];
    throw new GantryError("unavailable", `cannot read ${folder}`, { cause });
  }
}

/**
 * Gives what is in `certs.d/HOST[:PORT]`: each `*.crt` is trusted for that registry, `NAME.cert` with `NAME.key` is shown to it
 * (moby, `registry.ReadCertsDirectory`). The first of the folders that has any is taken, and read anew each time.
 *
 * @throws `invalid-argument` for a certificate without its key, or a key without its certificate.
 */
export function certificatesReader(
  folders: readonly string[] = FOLDERS,
): (host: string) => RegistryCertificates | undefined {
  return (host) => {
    for (const folder of folders.flatMap((parent) => foldersFor(parent, host))) {
      const names = filesIn(folder);
      const authorities = names.filter((name) => name.endsWith(".crt")).map((name) => readTextFile(join(folder, name)));
      const client = readClient(folder, names);
      if (authorities.length > 0 || client !== undefined) {
        return { authorities, ...(client === undefined ? {} : { client }) };
      }
    }
    return undefined;
  };
}

/** The folder that is named as the reference has the registry, then those that mean the same. */
function foldersFor(parent: string, host: string): readonly string[] {
  const names = filesIn(parent).filter((name) => isSameRegistry(name, host));
  return names
    .toSorted((left, right) => Number(right === host) - Number(left === host))
    .map((name) => join(parent, name));
}

function readClient(folder: string, names: readonly string[]): RegistryCertificates["client"] {
  const needs = (name: string, other: string): GantryError =>
    new GantryError("invalid-argument", `${join(folder, name)} needs ${other} beside it, which is not there`, {
      hint: "a certificate for clients is NAME.cert with NAME.key; one of an authority ends in .crt",
    });
  for (const name of names) {
    const [, base = "", ending] = /^(.*)\.(cert|key)$/.exec(name) ?? [];
    const other = `${base}.${ending === "cert" ? "key" : "cert"}`;
    if (ending !== undefined && !names.includes(other)) throw needs(name, other);
  }
  const [certificate] = names.filter((name) => name.endsWith(".cert"));
  if (certificate === undefined) return undefined;
  const key = certificate.replace(/cert$/, "key");
  return { certificate: readTextFile(join(folder, certificate)), key: readTextFile(join(folder, key)) };
}
