import { GantryError } from "../../../errors/gantry-error.ts";
import type { HttpServer } from "../../../platform/http/http-server.ts";
import { formatListenAddress, type ListenAddress } from "./listen-address.ts";

const HINTS: Readonly<Record<string, string>> = {
  EADDRINUSE: "something else listens there: choose another port",
  EADDRNOTAVAIL: "this host has no such address: `:PORT` is every address that it has",
  EACCES: "ports below 1024 are root's: choose a higher one",
  ENOTFOUND: "there is no host of that name: `:PORT` is every address of this host",
  EAI_AGAIN: "the name cannot be looked up now: write an address",
};

/** Of what has no code: Bun's node:http says no more of a name that is not found (1.4.5). */
const NAME_HINT = "is that a name of this host? `:PORT` is every address of it";

/** Says why an address cannot be had. @throws `unavailable` */
export async function listenOn(
  what: string,
  address: ListenAddress,
  open: () => Promise<HttpServer>,
): Promise<HttpServer> {
  try {
    return await open();
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
    const hint = typeof code === "string" ? HINTS[code] : NAME_HINT;
    throw new GantryError("unavailable", `the ${what} cannot listen on ${formatListenAddress(address)}`, {
      ...(hint === undefined ? {} : { hint }),
      cause,
    });
  }
}
