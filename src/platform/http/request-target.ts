import type { IncomingMessage } from "node:http";

/** What of a request cannot be understood, so that it is refused with 400. */
export type TargetProblem = "host" | "target";

/** `uri-host [ ":" port ]` without percent-encoding and commas, which no name of a server has (RFC 9110, section 7.2; RFC 3986, section 3.2.2). */
const HOST = /^(?:\[[\da-f:.]+\]|[\w.~!$&'()*+;=-]+)(?::\d*)?$/i;

function isHost(text: string): boolean {
  return HOST.test(text) && URL.canParse(`http://${text}`);
}

/**
 * What a request asks for, as a URL. A Host has to be there, one, and a host, also where the target names one itself, which counts then
 * (RFC 9112, sections 3.2 and 3.2.2); in HTTP/1.0 there may be none.
 *
 * @returns the problem if there is one: with the Host, or a target that is no path, such as `*` or that of CONNECT
 */
export function parseTarget(
  { rawHeaders, httpVersion, url = "/" }: Pick<IncomingMessage, "rawHeaders" | "httpVersion" | "url">,
  scheme: "http" | "https",
): { readonly url: string } | { readonly problem: TargetProblem } {
  const hosts = rawHeaders.filter((_, index) => index % 2 === 1 && rawHeaders[index - 1]?.toLowerCase() === "host");
  const [own = "localhost"] = hosts;
  if (hosts.length > 1 || (hosts.length === 0 && httpVersion !== "1.0") || !isHost(own)) return { problem: "host" };
  const [, host = own, path = url] = /^https?:\/\/([^/?#]+)(\/.*)$/i.exec(url) ?? [];
  const said = `${scheme}://${host}${path}`;
  return path.startsWith("/") && isHost(host) && URL.canParse(said) ? { url: said } : { problem: "target" };
}
