import type { RegistryConnections, RegistryLogin } from "../distribution/client/registry-connections.ts";
import { type FoundRepository, searchRegistry } from "../distribution/client/search-registry.ts";
import type { DoorRegistries } from "../doors/docker/door-parts.ts";
import { GantryError } from "../errors/gantry-error.ts";
import { digestAlgorithm } from "../oci/digest.ts";
import { digestOf } from "../oci/hash-digest.ts";
import type { Platform } from "../oci/image.ts";
import { CONFIG_BYTES_MAX, isImageConfigType, parseImageConfig } from "../oci/manifest.ts";
import { parseReference, withDefaultTag } from "../oci/reference.ts";

interface AskOptions {
  readonly auth?: RegistryLogin;
  readonly signal: AbortSignal;
}

/** What Docker's door asks the registries of others. */
export function remoteRegistries(registries: RegistryConnections): DoorRegistries {
  return {
    logIn: (login, options) => registries.logIn(login, options),
    search: (term, options) => search(registries, term, options),
    describe: (name, options) => describe(registries, name, options),
  };
}

async function search(
  registries: RegistryConnections,
  text: string,
  { limit, auth, signal }: AskOptions & { readonly limit: number },
): Promise<readonly FoundRepository[]> {
  const slash = text.indexOf("/");
  const first = text.slice(0, Math.max(0, slash));
  const isHost = /[.:]/.test(first) || first === "localhost";
  const host = isHost ? parseReference(`${first}/x`).registry : registries.defaultRegistry;
  const term = isHost ? text.slice(slash + 1) : text;
  return await searchRegistry(await registries.registry(host, auth), term, { limit, signal });
}

async function describe(
  registries: RegistryConnections,
  name: string,
  { auth, signal }: AskOptions,
): ReturnType<DoorRegistries["describe"]> {
  const { defaultRegistry } = registries;
  const asked = withDefaultTag(parseReference(name, { defaultRegistry }));
  const source = (await registries.sources(asked, auth)).at(-1);
  if (source === undefined) throw new GantryError("internal", `no place to ask for ${name}`);
  const { client, reference } = source;
  const { descriptor, document } = await client.resolve(reference, { signal });
  if (document.kind === "index") {
    const platforms = document.index.manifests.flatMap(({ platform }) => (platform === undefined ? [] : [platform]));
    return { descriptor, platforms };
  }
  const { config } = document.manifest;
  if (!isImageConfigType(config.mediaType) || config.size > CONFIG_BYTES_MAX) return { descriptor, platforms: [] };
  const chunks: Uint8Array[] = [];
  for await (const chunk of await client.openBlob(reference.repository, config, { signal })) chunks.push(chunk);
  const bytes = Buffer.concat(chunks);
  if (digestOf(bytes, digestAlgorithm(config.digest)) !== config.digest) {
    throw new GantryError("data-loss", `registry ${client.host} sent a wrong config for ${name}`);
  }
  const { os, architecture, variant } = parseImageConfig(bytes);
  const platform: Platform = { os, architecture, ...(variant === undefined ? {} : { variant }) };
  return { descriptor, platforms: [platform] };
}
