import type { CallOptions, EngineApi } from "../api/engine-api.ts";
import type { LoginResponse, RegistryAuth } from "../api/image.ts";
import {
  type CopiedImage,
  type CopyImageOptions,
  type CopyProgress,
  copyImage,
} from "../distribution/client/copy-image.ts";
import { eachAtOnce } from "../distribution/client/each-at-once.ts";
import type { RegistryConnections } from "../distribution/client/registry-connections.ts";
import { GantryError } from "../errors/gantry-error.ts";
import type { Descriptor } from "../oci/image.ts";
import { DEFAULT_REGISTRY, DEFAULT_TAG, familiarReference, parseReference, type Reference } from "../oci/reference.ts";
import { DEFAULT_REGISTRY_SERVER, registryOfServer } from "../oci/registry-server.ts";
import { openRegistryConnections } from "./open-registry-connections.ts";
import { keepOffProxies } from "./proxies.ts";
import { toCredentials, userCredentials } from "./user-credentials.ts";

export type { CopyProgress };

/** A tag of a registry. */
export interface RemoteTag {
  readonly tag: string;
  /** What it stands for, if that was asked for and the registry says it. */
  readonly target?: Descriptor;
}

export interface ListTagsOptions {
  /** Ask what each stands for, one request each. @default false */
  readonly withDigests?: boolean;
  /** At most so many. @default all */
  readonly limit?: number;
}

export interface CopiedName extends CopiedImage {
  readonly reference: Reference;
}

const REQUESTS_AT_ONCE = 5;

/**
 * What `gantry image copy`, `image ls-remote`, `image rm-remote` and, where no daemon is, `login` work with: registries as the daemon has
 * them, and the user's own credentials. No daemon is asked, no right of root needed, and nothing kept.
 */
export class RemoteRegistryTools implements Pick<EngineApi, "logIn"> {
  readonly #registries: RegistryConnections;

  constructor(environment: Readonly<Record<string, string | undefined>>) {
    keepOffProxies();
    this.#registries = openRegistryConnections({ environment, credentials: userCredentials(environment) });
  }

  /** Copies an image from one registry to another; without a tag of its own the copy has that of the source. */
  async copy(from: string, to: string, options: CopyImageOptions = {}): Promise<CopiedName> {
    const source = this.#parse(from);
    const target = this.#parse(to);
    const isNamed = target.tag !== undefined || target.digest !== undefined;
    const tag = source.digest === undefined ? (source.tag ?? DEFAULT_TAG) : source.tag;
    const reference: Reference = isNamed || tag === undefined ? target : { ...target, tag };
    const { tag: _tag, ...byDigest } = source;
    const wanted = source.digest === undefined ? { ...source, tag: tag ?? DEFAULT_TAG } : byDigest;
    const [sources, place] = await Promise.all([this.#registries.sources(wanted), this.#registries.target(reference)]);
    return { ...(await copyImage(sources, place, options)), reference };
  }

  /** The tags of a repository, or the one that is named. @throws `not-found`, `permission-denied`, `unavailable`. */
  async tags(name: string, options: ListTagsOptions = {}): Promise<readonly RemoteTag[]> {
    const { withDigests = false, limit = Number.POSITIVE_INFINITY } = options;
    const reference = this.#parse(name);
    if (reference.digest !== undefined) {
      throw new GantryError("invalid-argument", `${familiarReference(reference)} names a digest`, {
        hint: "name a repository",
      });
    }
    const source = (await this.#registries.sources(reference)).at(-1);
    if (source === undefined) throw new GantryError("internal", `no place to ask for ${reference.repository}`);
    const { client, reference: at } = source;
    const describe = async (tag: string): Promise<RemoteTag> => {
      const target = await client.describe({ ...at, tag });
      return { tag, ...(target === undefined ? {} : { target }) };
    };
    if (reference.tag !== undefined) {
      const found = await describe(reference.tag);
      if (found.target !== undefined) return [found];
      throw new GantryError("not-found", `manifest for ${familiarReference(reference)} not found`);
    }
    const tags: RemoteTag[] = [];
    for await (const tag of client.tags(at.repository)) {
      if (tags.length >= limit) break;
      tags.push({ tag });
    }
    if (!withDigests) return tags;
    await eachAtOnce([...tags.keys()], { limit: REQUESTS_AT_ONCE }, async (index) => {
      tags[index] = await describe(tags[index]?.tag ?? "");
    });
    return tags;
  }

  /**
   * Deletes a tag, or a manifest with all of its tags. Of a registry with mirrors the registry itself is asked.
   *
   * @returns the name as users write it
   * @throws `invalid-argument` for a name that has neither; `not-found`, `permission-denied`, `unavailable`, `unsupported`
   */
  async remove(name: string): Promise<string> {
    const reference = this.#parse(name);
    const { tag: _tag, ...byDigest } = reference;
    const wanted = reference.digest === undefined ? reference : byDigest;
    if (reference.tag === undefined && reference.digest === undefined) {
      throw new GantryError("invalid-argument", `${name} names a repository and nothing in it`, {
        hint: "name what is to go: REPOSITORY:TAG, or REPOSITORY@sha256:… with all of its tags",
      });
    }
    const { client, reference: at } = await this.#registries.target(wanted);
    await client.deleteManifest(at);
    return familiarReference(wanted);
  }

  /**
   * Finds out if a registry takes credentials, as the daemon does for `POST /auth`.
   *
   * @throws `permission-denied` if it does not; `unavailable`
   */
  async logIn(auth: RegistryAuth, options: CallOptions = {}): Promise<LoginResponse> {
    const host = registryOfServer(auth.serveraddress || DEFAULT_REGISTRY_SERVER);
    const { identityToken = "" } = await this.#registries.logIn({ host, credentials: toCredentials(auth) }, options);
    return { Status: "Login Succeeded", IdentityToken: identityToken };
  }

  #parse(name: string): Reference {
    const { defaultRegistry } = this.#registries;
    if (isHostAlone(name, defaultRegistry)) {
      const [host] = name.split("/");
      throw new GantryError("invalid-argument", `${name} names a registry, and no repository`, {
        hint: `write ${host}/NAME; \`gantry search ${host}/\` says what it has`,
      });
    }
    return parseReference(name, { defaultRegistry });
  }
}

/** True for a name without a repository: by Docker's rules `registry.lan:5000` is an image of Docker Hub, which has none of such names. */
function isHostAlone(name: string, defaultRegistry: string): boolean {
  const [, host = ""] = /^([^/]+?)(?::\d{1,5})?\/?$/.exec(name) ?? [];
  if (/^(?:localhost|\d+(?:\.\d+){3}|\[[0-9a-fA-F:.]+\])$/.test(host)) return true;
  return defaultRegistry === DEFAULT_REGISTRY && /^[\w-]+(?:\.[\w-]+)+$/.test(host);
}
