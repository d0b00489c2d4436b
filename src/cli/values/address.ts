import { ipVersion } from "./ip-address.ts";

/** An address for `--dns`. */
export function parseAddress(text: string): string {
  const trimmed = text.trim();
  if (ipVersion(trimmed) === 0) throw new Error(`IP address is not correctly formatted: ${text}`);
  return trimmed;
}

/** A domain for `--dns-search`; a dot alone: none. */
export function parseSearchDomain(text: string): string {
  const trimmed = text.trim();
  if (trimmed === ".") return trimmed;
  const labels = trimmed.replace(/\.$/, "").split(".");
  const isDomain = labels.every((label) => /^[a-zA-Z0-9_](?:[a-zA-Z0-9_-]{0,61}[a-zA-Z0-9_])?$/.test(label));
  if (!isDomain || trimmed.length > 255) throw new Error(`${text} is not a valid domain`);
  return trimmed;
}

/** `name:address` or `name=address` for `--add-host`, as the API takes it. `host-gateway` is the host as containers see it. */
export function parseExtraHost(text: string): string {
  const separator = /[=:]/.exec(text)?.index ?? -1;
  const name = text.slice(0, Math.max(0, separator));
  const address = text.slice(separator + 1).replace(/^\[(.*)\]$/, "$1");
  if (separator < 1 || /\s/.test(name)) throw new Error(`bad format for add-host: ${JSON.stringify(text)}`);
  if (address !== "host-gateway" && ipVersion(address) === 0) {
    throw new Error(`invalid IP address in add-host: ${JSON.stringify(address)}`);
  }
  return `${name}:${address}`;
}

/** An Ethernet address of six bytes. */
export function parseMacAddress(text: string): string {
  const trimmed = text.trim();
  if (!/^[0-9a-f]{2}([:-])[0-9a-f]{2}(?:\1[0-9a-f]{2}){4}$/i.test(trimmed)) {
    throw new Error(`${text} is not a valid mac address`);
  }
  return trimmed.toLowerCase().replaceAll("-", ":");
}
