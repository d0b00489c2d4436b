import { GantryError } from "../../errors/gantry-error.ts";
import type { HttpServer } from "../../platform/http-server.ts";
import { formatListenAddress, type ListenAddress } from "./listen-address.ts";

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
    const hint = code === "EADDRINUSE" ? { hint: "something else listens there: choose another port" } : {};
    throw new GantryError("unavailable", `the ${what} cannot listen on ${formatListenAddress(address)}`, {
      ...hint,
      cause,
    });
  }
}
