import type { Page, PageOptions } from "../../../distribution/repositories/listings.ts";
import { unknownRepository } from "../../../distribution/repositories/manifests.ts";
import type { RepositoryName } from "../../../distribution/repositories/repository-name.ts";
import type { Digest } from "../../../oci/digest.ts";
import type { Descriptor } from "../../../oci/image.ts";
import { MEDIA_TYPES } from "../../../oci/media-types.ts";
import { jsonResponse } from "../json-response.ts";
import { nextPage, parsePage } from "../page-query.ts";
import type { RegistryExchange } from "../registry-exchange.ts";

/** GET /v2/_catalog, as Docker's registry has it. */
export async function listRepositories({ query, parts, access, identity }: RegistryExchange): Promise<Response> {
  const options = parsePage(query);
  const isVisible = (name: RepositoryName): boolean => access.visible(identity, [name]).length > 0;
  const page = await parts.listings.visibleRepositories(options, isVisible);
  return jsonResponse(
    { repositories: page.items },
    { headers: nextPage("/v2/_catalog", page, { n: String(options.limit) }) },
  );
}

/** distribution-spec, "Listing Tags". */
export async function listTags(exchange: RegistryExchange, repository: RepositoryName): Promise<Response> {
  const { query, parts, cache } = exchange;
  const options = parsePage(query);
  const there = await cache?.tags(repository);
  if (there === undefined && !parts.manifests.exists(repository)) throw unknownRepository(repository);
  const page = there === undefined ? parts.listings.tags(repository, options) : pageOf(there, options);
  return jsonResponse(
    { name: repository, tags: page.items },
    { headers: nextPage(`/v2/${repository}/tags/list`, page, { n: String(options.limit) }) },
  );
}

/** distribution-spec, "Listing Referrers": never 404, since that would say that there is no such API. */
export async function listReferrers(
  { query, parts, cache }: RegistryExchange,
  target: { readonly repository: RepositoryName; readonly digest: Digest },
): Promise<Response> {
  const { repository, digest } = target;
  const artifactType = query.get("artifactType");
  const filter: { artifactType?: string } = artifactType === null ? {} : { artifactType };
  const options = parsePage(query);
  const there = (await cache?.referrers(repository, digest))?.filter(
    (descriptor) => artifactType === null || descriptor.artifactType === artifactType,
  );
  const page: Page<Descriptor> =
    there === undefined
      ? parts.listings.referrers(repository, digest, { ...options, ...filter })
      : { items: there, hasMore: false };
  const digests = { items: page.items.map((item) => item.digest), hasMore: page.hasMore };
  const index = { schemaVersion: 2, mediaType: MEDIA_TYPES.ociIndex, manifests: page.items };
  return jsonResponse(index, {
    headers: {
      "content-type": MEDIA_TYPES.ociIndex,
      ...nextPage(`/v2/${repository}/referrers/${digest}`, digests, { n: String(options.limit), ...filter }),
      ...(artifactType === null ? {} : { "oci-filters-applied": "artifactType" }),
    },
  });
}

/** A page of a list that is here whole, in the order of bytes. */
function pageOf<T extends string>(all: readonly T[], { after = "", limit }: PageOptions): Page<T> {
  const rest = all.filter((item) => item > after);
  return { items: rest.slice(0, limit), hasMore: rest.length > limit };
}
