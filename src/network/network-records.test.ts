import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { Database } from "../platform/sqlite.ts";
import type { Endpoint } from "./endpoint.ts";
import { NETWORK_MIGRATIONS, type NetworkRecord, SqliteNetworkRecords } from "./network-records.ts";

const NETWORK: NetworkRecord = {
  name: "bridge",
  id: "f".repeat(64),
  bridge: "gn012345670",
  subnet: "172.17.0.0/16",
  gateway: "172.17.0.1",
  createdAtMs: 1,
  lastAddress: undefined,
};
const ENDPOINT: Endpoint = {
  containerId: "c1",
  network: "bridge",
  ifname: "eth0",
  address: "172.17.0.2",
  prefixLength: 16,
  gateway: "172.17.0.1",
  mac: "02:42:ac:11:00:02",
  hostInterface: "gv01234567ccccc",
  hostname: "web",
  aliases: ["www"],
  dns: [],
  ports: [{ containerPort: 80, hostPort: 8080, protocol: "tcp", hostAddress: "0.0.0.0" }],
};

describe("network records", () => {
  let db: Database;
  let records: SqliteNetworkRecords;

  beforeEach(() => {
    db = new Database(":memory:", { strict: true });
    for (const { sql } of NETWORK_MIGRATIONS) db.run(sql);
    records = new SqliteNetworkRecords(db);
    records.saveNetwork(NETWORK);
  });
  afterEach(() => db.close());

  test("come back as they were written, and remember the address that was given last", () => {
    records.saveEndpoint(ENDPOINT);
    expect(records.listEndpoints()).toEqual([ENDPOINT]);
    expect(records.listNetworks()).toEqual([{ ...NETWORK, lastAddress: "172.17.0.2" }]);
    records.deleteEndpoints("c1");
    records.deleteEndpoints("c1");
    expect(records.listEndpoints()).toEqual([]);
    expect(records.listNetworks()).toEqual([{ ...NETWORK, lastAddress: "172.17.0.2" }]);
  });

  test("a damaged one is said to be so", () => {
    records.saveEndpoint(ENDPOINT);
    db.run("UPDATE network_endpoints SET ports = '{'");
    expect(() => records.listEndpoints()).toThrow("the record of c1 in network bridge is damaged");
  });
});
