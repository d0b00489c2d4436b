import type { Page, PageOptions } from "../../distribution/repositories/listings.ts";
import { RegistryError } from "../../distribution/repositories/registry-error.ts";

/** How many entries a page has at most, and when the client says nothing. */
const PAGE_SIZE_MAX = 1000;

/** Reads `n` and `last`. @throws RegistryError 400 for an `n` that is no number */
export function parsePage(query: URLSearchParams): PageOptions {
  const n = query.get("n");
  if (n !== null && !/^\d{1,9}$/.test(n)) {
    throw new RegistryError("UNSUPPORTED", `n is ${JSON.stringify(n.slice(0, 50))}, and should be a number`, {
      status: 400,
    });
  }
  const last = query.get("last");
  return {
    limit: Math.min(n === null ? PAGE_SIZE_MAX : Number(n), PAGE_SIZE_MAX),
    ...(last === null ? {} : { after: last }),
  };
}

/** The `Link` to the next page, if there is one (RFC 5988; distribution-spec, "Listing Tags"). */
export function nextPage(
  path: string,
  page: Page<string>,
  query: Readonly<Record<string, string>>,
): Record<string, string> {
  const last = page.items.at(-1);
  if (!page.hasMore || last === undefined) return {};
  const next = new URLSearchParams({ ...query, last });
  return { link: `<${path}?${next}>; rel="next"` };
}
