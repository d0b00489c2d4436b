import { GantryError } from "../errors/gantry-error.ts";
import type { Database } from "../platform/sqlite.ts";
import type { Migration } from "../state/migration.ts";
import { withoutSync } from "../state/without-sync.ts";
import type { Endpoint, PortBinding } from "./endpoint.ts";

/** A bridge network as it is recorded. */
export interface NetworkRecord {
  readonly name: string;
  readonly id: string;
  readonly bridge: string;
  /** `172.17.0.0/16` */
  readonly subnet: string;
  readonly gateway: string;
  readonly createdAtMs: number;
  /** The address that was given last: the next one comes after it. */
  readonly lastAddress: string | undefined;
}

/** What the network part remembers across restarts. */
export interface NetworkRecords {
  listNetworks(): NetworkRecord[];
  /** Writes or replaces. */
  saveNetwork(network: NetworkRecord): void;
  listEndpoints(): Endpoint[];
  /**
   * Writes or replaces an endpoint, and its network's last address, in one transaction. Like the interfaces that they stand
   * for, endpoints do not outlive a power cut.
   */
  saveEndpoint(endpoint: Endpoint): void;
  /** Idempotent. */
  deleteEndpoints(containerId: string): void;
}

/** The tables that `SqliteNetworkRecords` needs. */
export const NETWORK_MIGRATIONS: readonly Migration[] = [
  {
    number: 300,
    title: "networks and endpoints",
    sql: `
      CREATE TABLE network_networks (
        name TEXT PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        bridge TEXT NOT NULL UNIQUE,
        subnet TEXT NOT NULL,
        gateway TEXT NOT NULL,
        created_ms INTEGER NOT NULL,
        last_address TEXT
      ) STRICT;
      CREATE TABLE network_endpoints (
        container_id TEXT NOT NULL,
        network TEXT NOT NULL REFERENCES network_networks (name),
        address TEXT NOT NULL,
        prefix_length INTEGER NOT NULL,
        gateway TEXT NOT NULL,
        mac TEXT NOT NULL,
        host_interface TEXT NOT NULL UNIQUE,
        hostname TEXT NOT NULL,
        aliases TEXT NOT NULL,
        dns TEXT NOT NULL,
        ports TEXT NOT NULL,
        PRIMARY KEY (container_id, network),
        UNIQUE (network, address)
      ) STRICT;
    `,
  },
];

interface NetworkRow {
  readonly name: string;
  readonly id: string;
  readonly bridge: string;
  readonly subnet: string;
  readonly gateway: string;
  readonly created_ms: number;
  readonly last_address: string | null;
}

interface EndpointRow {
  readonly container_id: string;
  readonly network: string;
  readonly address: string;
  readonly prefix_length: number;
  readonly gateway: string;
  readonly mac: string;
  readonly host_interface: string;
  readonly hostname: string;
  readonly aliases: string;
  readonly dns: string;
  readonly ports: string;
}

function parseColumn<Value>(row: EndpointRow, column: "aliases" | "dns" | "ports"): readonly Value[] {
  try {
    const value: unknown = JSON.parse(row[column]);
    if (Array.isArray(value)) return value;
  } catch (cause) {
    throw new GantryError("data-loss", `the record of ${row.container_id} in network ${row.network} is damaged`, {
      cause,
    });
  }
  throw new GantryError("data-loss", `the record of ${row.container_id} in network ${row.network} is damaged`);
}

/** The records in the state database; `NETWORK_MIGRATIONS` must have been applied to it. */
export class SqliteNetworkRecords implements NetworkRecords {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  listNetworks(): NetworkRecord[] {
    const rows = this.#db.query<NetworkRow, []>("SELECT * FROM network_networks ORDER BY created_ms, name").all();
    return rows.map((row) => ({
      name: row.name,
      id: row.id,
      bridge: row.bridge,
      subnet: row.subnet,
      gateway: row.gateway,
      createdAtMs: row.created_ms,
      lastAddress: row.last_address ?? undefined,
    }));
  }

  saveNetwork(network: NetworkRecord): void {
    this.#db
      .query(
        `INSERT INTO network_networks (name, id, bridge, subnet, gateway, created_ms, last_address)
         VALUES (?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (name) DO UPDATE SET id = excluded.id, bridge = excluded.bridge, subnet = excluded.subnet,
           gateway = excluded.gateway, created_ms = excluded.created_ms, last_address = excluded.last_address`,
      )
      .run(
        network.name,
        network.id,
        network.bridge,
        network.subnet,
        network.gateway,
        network.createdAtMs,
        network.lastAddress ?? null,
      );
  }

  listEndpoints(): Endpoint[] {
    const rows = this.#db.query<EndpointRow, []>("SELECT * FROM network_endpoints ORDER BY container_id").all();
    return rows.map((row) => ({
      containerId: row.container_id,
      network: row.network,
      ifname: "eth0",
      address: row.address,
      prefixLength: row.prefix_length,
      gateway: row.gateway,
      mac: row.mac,
      hostInterface: row.host_interface,
      hostname: row.hostname,
      aliases: parseColumn<string>(row, "aliases"),
      dns: parseColumn<string>(row, "dns"),
      ports: parseColumn<PortBinding>(row, "ports"),
    }));
  }

  saveEndpoint(endpoint: Endpoint): void {
    const save = this.#db.transaction(() => {
      this.#db
        .query("UPDATE network_networks SET last_address = ? WHERE name = ?")
        .run(endpoint.address, endpoint.network);
      this.#db
        .query("INSERT OR REPLACE INTO network_endpoints VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
        .run(
          endpoint.containerId,
          endpoint.network,
          endpoint.address,
          endpoint.prefixLength,
          endpoint.gateway,
          endpoint.mac,
          endpoint.hostInterface,
          endpoint.hostname,
          JSON.stringify(endpoint.aliases),
          JSON.stringify(endpoint.dns),
          JSON.stringify(endpoint.ports),
        );
    });
    withoutSync(this.#db, save);
  }

  deleteEndpoints(containerId: string): void {
    const remove = this.#db.query("DELETE FROM network_endpoints WHERE container_id = ?");
    withoutSync(this.#db, () => remove.run(containerId));
  }
}
