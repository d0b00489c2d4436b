/** The URL of a request, whatever its client says that our name is. */
export function readRequestUrl(request: Request): URL {
  return URL.parse(request.url) ?? new URL(`http://registry${request.url.replace(/^[a-z]+:\/\/[^/]*/, "")}`);
}

/** False for a Host that is none, or several (RFC 9112, section 3.2: such a request is refused). */
export function hasHost(request: Request): boolean {
  return URL.canParse(request.url) && request.headers.get("host")?.includes(",") !== true;
}
