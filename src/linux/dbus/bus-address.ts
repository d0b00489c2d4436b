import { GantryError } from "../../errors/gantry-error.ts";

/**
 * The path of the first unix socket that a bus address lists (D-Bus Specification, "Server Addresses"):
 * `unix:path=/run/user/1000/bus;tcp:…`. An abstract name begins with a NUL.
 *
 * @throws `unsupported` when there is no unix socket in it.
 */
export function parseBusAddress(address: string): string {
  for (const entry of address.split(";")) {
    const [transport, parameters = ""] = entry.split(/:(.*)/s, 2);
    if (transport !== "unix") continue;
    for (const parameter of parameters.split(",")) {
      const [name, value = ""] = parameter.split("=", 2);
      if (name === "path" && value !== "") return unescaped(value);
      if (name === "abstract" && value !== "") return `\0${unescaped(value)}`;
    }
  }
  throw new GantryError("unsupported", `no unix socket in the bus address ${JSON.stringify(address)}`);
}

function unescaped(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}
