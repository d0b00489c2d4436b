/** The URL of a request, whatever its client says that our name is. Bun hands on the path alone where there is no Host (HTTP/1.0). */
export function readRequestUrl(request: Request): URL {
  return URL.parse(request.url) ?? new URL(`http://registry${request.url.replace(/^[a-z]+:\/\/[^/]*/, "")}`);
}

/** False for a Host that is none (RFC 9112, section 3.2: such a request is refused). */
export function hasHost(request: Request): boolean {
  return request.url.startsWith("/") || URL.canParse(request.url);
}
