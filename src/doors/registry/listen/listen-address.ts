import { GantryError } from "../../../errors/gantry-error.ts";

/** Where a server listens. */
export interface ListenAddress {
  readonly hostname: string;
  /** 0: one that is free. */
  readonly port: number;
}

/** Where registries listen by custom. */
export const REGISTRY_PORT = 5000;

/**
 * Reads `HOST:PORT`, `:PORT` (every address), `HOST`, `[::1]:PORT`.
 *
 * @throws `invalid-argument`
 */
export function parseListenAddress(text: string): ListenAddress {
  const [, bracketed, plain, digits] =
    /^(?:\[([0-9a-fA-F:.]+(?:%[\w.-]+)?)\]|([^:[\]/\s\p{Cc}]*))(?::(\d{1,5}))?$/u.exec(text) ?? [];
  const port = digits === undefined ? REGISTRY_PORT : Number(digits);
  // A number alone is meant as a port, and would be an IPv4 address.
  const isNumber = /^\d+$/.test(plain ?? "");
  if ((bracketed === undefined && plain === undefined) || text === "" || isNumber || port > 65_535) {
    throw new GantryError("invalid-argument", `cannot listen on ${JSON.stringify(text)}`, {
      hint: "write it as HOST:PORT, as in 127.0.0.1:5000, [::1]:5000 or :5000",
    });
  }
  return { hostname: bracketed ?? (plain === "" || plain === undefined ? "::" : plain), port };
}

/** The inverse of `parseListenAddress`. */
export function formatListenAddress({ hostname, port }: ListenAddress): string {
  return `${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`;
}
