/** A port of a container that is to be reachable through the host. */
export interface PortRequest {
  readonly containerPort: number;
  readonly protocol: "tcp" | "udp";
  /** The host's address to publish on. @default every address, IPv4 and IPv6 */
  readonly hostAddress?: string;
  /** 0 or absent: one is chosen. */
  readonly hostPort?: number;
}

/** A published port: the request with everything decided. */
export interface PortBinding {
  readonly containerPort: number;
  readonly protocol: "tcp" | "udp";
  /** An address of the host; `0.0.0.0` is every one, of IPv4 and of IPv6. */
  readonly hostAddress: string;
  readonly hostPort: number;
  /** Of a port on every address: those of IPv6 are among them, which a host may lack. @default false */
  readonly isOnIpv6?: boolean;
}

/** Where in a network something is, and by which interface. */
export interface EndpointPlace {
  readonly network: string;
  readonly ifname: "eth0";
  /** IPv4, without the prefix length. */
  readonly address: string;
  readonly prefixLength: number;
  readonly gateway: string;
  readonly mac: string;
  /** The host's end of the pair of interfaces. */
  readonly hostInterface: string;
}

/** A container's place in a network. */
export interface Endpoint extends EndpointPlace {
  readonly containerId: string;
  readonly hostname: string;
  /** Further names under which others on the same network find it; the default network has no names. */
  readonly aliases: readonly string[];
  /** Name servers that the network has of its own; empty: those of the host. */
  readonly dns: readonly string[];
  readonly ports: readonly PortBinding[];
}

/** A network as it is listed and inspected. */
export interface NetworkDescription {
  /** 64 hex digits. */
  readonly id: string;
  readonly name: string;
  readonly driver: "bridge" | "host" | "null";
  readonly scope: "local";
  /** `172.17.0.0/16`; absent for `host` and `none`. */
  readonly subnet?: string;
  readonly gateway?: string;
  /** The name of the bridge on the host. */
  readonly bridge?: string;
  /** Milliseconds since 1970. */
  readonly createdAtMs: number;
  readonly endpoints: readonly Endpoint[];
}
