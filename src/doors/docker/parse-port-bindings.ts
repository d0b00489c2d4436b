import { isIP } from "node:net";
import type { PortMap } from "../../api/host-config.ts";
import type { PublishConfig } from "../../engine/container/container-config.ts";
import { GantryError } from "../../errors/gantry-error.ts";

/**
 * Reads `HostConfig.PortBindings`: by `80/tcp`, the addresses and ports of the host.
 *
 * @throws `invalid-argument` for what is no port or address, `unsupported` for sctp and for ranges to choose from.
 */
export function parsePortBindings(bindings: PortMap): readonly PublishConfig[] {
  return Object.entries(bindings).flatMap(([port, hosts]) => {
    const { containerPort, protocol } = parseContainerPort(port);
    // A port without bindings gets one of the host's choosing, as with Docker.
    const list = hosts === null || hosts.length === 0 ? [{}] : hosts;
    return list.map(({ HostIp = "", HostPort = "" }): PublishConfig => {
      if (HostIp !== "" && isIP(HostIp) === 0) {
        throw new GantryError("invalid-argument", `invalid IP address: ${HostIp}`);
      }
      const hostPort = parseHostPort(HostPort);
      return {
        containerPort,
        protocol,
        ...(HostIp === "" || HostIp === "0.0.0.0" ? {} : { hostAddress: HostIp }),
        ...(hostPort === 0 ? {} : { hostPort }),
      };
    });
  });
}

function parseContainerPort(text: string): Pick<PublishConfig, "containerPort" | "protocol"> {
  const [, number = "", protocol = "tcp"] = /^(\d{1,5})(?:\/(\w+))?$/.exec(text) ?? [];
  const containerPort = Number(number);
  if (number === "" || containerPort < 1 || containerPort > 65_535) {
    throw new GantryError("invalid-argument", `invalid port specification: ${JSON.stringify(text)}`);
  }
  if (protocol === "tcp" || protocol === "udp") return { containerPort, protocol };
  if (protocol === "sctp") throw new GantryError("unsupported", `publishing ${text}: sctp is not there yet`);
  throw new GantryError("invalid-argument", `invalid port specification: ${JSON.stringify(text)}`);
}

function parseHostPort(text: string): number {
  if (text === "") return 0;
  if (/^\d{1,5}-\d{1,5}$/.test(text)) {
    throw new GantryError("unsupported", `publishing to one port of the range ${text} is not there yet`, {
      hint: "leave the port of the host out to get a free one",
    });
  }
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isNaN(port) || port > 65_535) {
    throw new GantryError("invalid-argument", `invalid host port: ${JSON.stringify(text)}`);
  }
  return port;
}
