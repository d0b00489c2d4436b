import { WrongCredentials } from "../access-problem.ts";
import type { ClientCertificate } from "../identity.ts";
import type { AccessRules } from "../rules/access-rules.ts";

/** The part of node:tls' `PeerCertificate` that is used. */
export interface PeerCertificate {
  readonly subject?: { readonly CN?: string | readonly string[] };
  /** `DNS:build.lan, URI:spiffe://example.org/build`; values with commas or quotes are JSON texts (CVE-2021-44532). */
  readonly subjectaltname?: string;
}

const NAME = /(?:^|, )(?<kind>[A-Za-z0-9 ]+):(?:(?<quoted>"(?:[^"\\]|\\.)*")|(?<plain>[^",]*))/y;

function unquote(text: string): string {
  try {
    return String(JSON.parse(text));
  } catch {
    return "";
  }
}

/** Reads what node:tls says of a verified certificate. Total: a name that cannot be read ends the list, so none can hide in another. */
export function readPeerCertificate(peer: PeerCertificate): ClientCertificate {
  const dnsNames: string[] = [];
  const uris: string[] = [];
  const text = peer.subjectaltname ?? "";
  NAME.lastIndex = 0;
  for (let place = 0; place < text.length; place = NAME.lastIndex) {
    const { kind, quoted, plain } = NAME.exec(text)?.groups ?? {};
    if (kind === undefined) break;
    const value = quoted === undefined ? (plain ?? "") : unquote(quoted);
    if (kind === "DNS") dnsNames.push(value.toLowerCase());
    if (kind === "URI") uris.push(value);
  }
  const commonName = peer.subject?.CN;
  // Of several common names none can be told to be the right one.
  return { ...(typeof commonName === "string" ? { commonName } : {}), dnsNames, uris };
}

/**
 * The user whose certificate this is.
 *
 * @returns undefined if it is nobody's.
 * @throws WrongCredentials if its names are those of several users.
 */
export function findCertificateUser(rules: AccessRules, certificate: ClientCertificate): string | undefined {
  const names = [
    ...(certificate.commonName === undefined ? [] : [`CN=${certificate.commonName}`]),
    ...certificate.dnsNames.map((name) => `DNS=${name}`),
    ...certificate.uris.map((uri) => `URI=${uri}`),
  ];
  const users = [...new Set(names.flatMap((name) => rules.certificates.get(name) ?? []))];
  if (users.length > 1) throw new WrongCredentials(`the client's certificate names several users: ${users.join(", ")}`);
  return users[0];
}
