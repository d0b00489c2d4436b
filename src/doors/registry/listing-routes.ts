import { unknownRepository } from "../../distribution/repositories/manifests.ts";
import type { RepositoryName } from "../../distribution/repositories/repository-name.ts";
import type { Digest } from "../../oci/digest.ts";
import { MEDIA_TYPES } from "../../oci/media-types.ts";
import { nextPage, parsePage } from "./page-query.ts";
import type { RegistryExchange } from "./registry-exchange.ts";

/** GET /v2/_catalog, as Docker's registry has it. */
export async function listRepositories({ query, parts, access, identity }: RegistryExchange): Promise<Response> {
  const options = parsePage(query);
  const page = parts.listings.repositories(options, (name) => access.visible(identity, [name]).length > 0);
  return Response.json(
    { repositories: page.items },
    { headers: nextPage("/v2/_catalog", page, { n: String(options.limit) }) },
  );
}

/** distribution-spec, "Listing Tags". */
export async function listTags({ query, parts }: RegistryExchange, repository: RepositoryName): Promise<Response> {
  if (!parts.manifests.exists(repository)) throw unknownRepository(repository);
  const options = parsePage(query);
  const page = parts.listings.tags(repository, options);
  return Response.json(
    { name: repository, tags: page.items },
    { headers: nextPage(`/v2/${repository}/tags/list`, page, { n: String(options.limit) }) },
  );
}

/** distribution-spec, "Listing Referrers": never 404, since that would say that there is no such API. */
export async function listReferrers(
  { query, parts }: RegistryExchange,
  target: { readonly repository: RepositoryName; readonly digest: Digest },
): Promise<Response> {
  const { repository, digest } = target;
  const artifactType = query.get("artifactType");
  const filter: { artifactType?: string } = artifactType === null ? {} : { artifactType };
  const options = parsePage(query);
  const page = parts.listings.referrers(repository, digest, { ...options, ...filter });
  const digests = { items: page.items.map((item) => item.digest), hasMore: page.hasMore };
  const index = { schemaVersion: 2, mediaType: MEDIA_TYPES.ociIndex, manifests: page.items };
  return new Response(JSON.stringify(index), {
    headers: {
      "content-type": MEDIA_TYPES.ociIndex,
      ...nextPage(`/v2/${repository}/referrers/${digest}`, digests, { n: String(options.limit), ...filter }),
      ...(artifactType === null ? {} : { "oci-filters-applied": "artifactType" }),
    },
  });
}
