import { GantryError } from "../../errors/gantry-error.ts";

/**
 * Where the next page of a list is, as the `Link` of this one says (RFC 8288); undefined at its end.
 *
 * @throws `data-loss` for a page of another host: what is told there is not this registry's.
 */
export function nextPage(response: Response, url: URL): URL | undefined {
  const link = response.headers.get("link") ?? "";
  const [, target] = /<([^>]*)>\s*;[^,]*\brel\s*=\s*"?next\b/i.exec(link) ?? [];
  if (target === undefined) return undefined;
  const next = URL.canParse(target, url.href) ? new URL(target, url) : undefined;
  if (next?.origin === url.origin) return next;
  throw new GantryError("data-loss", `registry ${url.host} says that its list goes on at another host`);
}
