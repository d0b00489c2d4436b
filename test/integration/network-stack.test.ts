import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { formatRuleset } from "../../src/linux/nft/format-ruleset.ts";
import type { Endpoint, PortRequest } from "../../src/network/endpoint.ts";
import { buildRuleset } from "../../src/network/firewall-rules.ts";
import type { NetworkStack } from "../../src/network/network-stack.ts";
import { listRelays } from "../../src/network/relay.ts";
import { listens, NetworkLab, until } from "./network-lab.ts";

const A = "a".repeat(64);
const B = "b".repeat(64);

describe("a bridge network", () => {
  let lab: NetworkLab;
  let stack: NetworkStack;

  beforeEach(() => {
    lab = NetworkLab.open("0badcafe");
    stack = lab.stack();
  });

  afterEach(async () => {
    await stack.removeAll();
    stack.close();
    await lab[Symbol.asyncDispose]();
  });

  async function start(containerId: string, ports: readonly PortRequest[] = []): Promise<Endpoint & { pid: number }> {
    const pid = await lab.container();
    const endpoint = await stack.allocate(containerId, {
      network: "bridge",
      hostname: containerId.slice(0, 12),
      ports,
    });
    await stack.connect(endpoint, pid);
    return { ...endpoint, pid };
  }

  test("connects containers with each other, with the host and with the outside", async () => {
    await stack.open();
    const outside = await lab.outside();
    await lab.serve(outside, "outside", "tcp", 7000);
    const first = await start(A);
    const second = await start(B);
    await lab.serve(second.pid, "second", "tcp", 80);
    expect([first.address, second.address]).toEqual(["172.17.0.2", "172.17.0.3"]);
    expect({
      eachOther: lab.ask(first.pid, `TCP:${second.address}:80`),
      host: lab.ask(0, `TCP:${second.address}:80`),
      outgoing: lab.ask(first.pid, "TCP:192.0.2.9:7000"),
      // The outside routes through this host, and still does not come in.
      incoming: lab.ask(outside, `TCP:${second.address}:80`),
    }).toEqual({
      eachOther: "second for 172.17.0.2",
      host: "second for 172.17.0.1",
      outgoing: "outside for 192.0.2.1",
      incoming: "",
    });
  });

  test("publishes ports on every address, to containers and to the container itself", async () => {
    await stack.open();
    const outside = await lab.outside();
    const server = await start(A, [{ containerPort: 80, protocol: "tcp", hostPort: 8080 }]);
    const other = await start(B);
    await lab.serve(server.pid, "server", "tcp", 80);
    expect(server.ports).toEqual([
      { containerPort: 80, protocol: "tcp", hostAddress: "0.0.0.0", hostPort: 8080, isOnIpv6: true },
    ]);
    expect({
      loopback: lab.ask(0, "TCP:127.0.0.1:8080"),
      loopback2: lab.ask(0, "TCP:127.0.0.2:8080"),
      loopbackIpv6: lab.ask(0, "TCP:[::1]:8080"),
      hostAddress: lab.ask(0, "TCP:192.0.2.1:8080"),
      gateway: lab.ask(0, "TCP:172.17.0.1:8080"),
      outside: lab.ask(outside, "TCP:192.0.2.1:8080"),
      otherContainer: lab.ask(other.pid, "TCP:192.0.2.1:8080"),
      otherContainerByGateway: lab.ask(other.pid, "TCP:172.17.0.1:8080"),
      itself: lab.ask(server.pid, "TCP:192.0.2.1:8080"),
    }).toEqual({
      loopback: "server for 172.17.0.1",
      loopback2: "server for 172.17.0.1",
      loopbackIpv6: "server for 172.17.0.1",
      hostAddress: "server for 192.0.2.1",
      gateway: "server for 172.17.0.1",
      outside: "server for 192.0.2.9",
      otherContainer: "server for 172.17.0.1",
      otherContainerByGateway: "server for 172.17.0.1",
      itself: "server for 172.17.0.1",
    });
  });

  test("publishes UDP", async () => {
    await stack.open();
    const outside = await lab.outside();
    const server = await start(A, [{ containerPort: 53, protocol: "udp", hostPort: 5353 }]);
    await lab.serve(server.pid, "server", "udp", 53);
    expect({
      loopback: lab.ask(0, "UDP:127.0.0.1:5353"),
      outside: lab.ask(outside, "UDP:192.0.2.1:5353"),
      itself: lab.ask(server.pid, "UDP:192.0.2.1:5353"),
    }).toEqual({
      loopback: "server for 172.17.0.1",
      outside: "server for 192.0.2.9",
      itself: "server for 172.17.0.1",
    });
  });

  test("a UDP client that keeps its port reaches the container that follows", async () => {
    await stack.open();
    const outside = await lab.outside();
    const ports = [{ containerPort: 53, protocol: "udp", hostPort: 5353 }] as const;
    const answers: string[] = [];
    for (const id of [A, B]) {
      const server = await start(id, ports);
      await lab.serve(server.pid, `server ${server.address}`, "udp", 53);
      answers.push(lab.ask(outside, "UDP:192.0.2.1:5353,sourceport=40000"));
      await stack.release(id);
    }
    expect(answers).toEqual(["server 172.17.0.2 for 192.0.2.9", "server 172.17.0.3 for 192.0.2.9"]);
  });

  test("a port that was given up can be taken at once, however long its relay takes to end", async () => {
    await stack.open();
    const ports = [{ containerPort: 80, protocol: "tcp", hostPort: 8080 }] as const;
    await start(A, ports);
    const [relay] = listRelays(lab.rootHash);
    process.kill(relay?.pid ?? 0, "SIGSTOP");
    await stack.release(A);
    const next = stack.allocate(B, { network: "bridge", hostname: "b", ports });
    process.kill(relay?.pid ?? 0, "SIGCONT");
    expect((await next).ports).toMatchObject([{ ...ports[0], hostAddress: "0.0.0.0" }]);
  });

  test("publishes on one address only where one is given", async () => {
    await stack.open();
    const outside = await lab.outside();
    const ports = [
      { containerPort: 80, protocol: "tcp", hostPort: 8081, hostAddress: "127.0.0.1" },
      { containerPort: 80, protocol: "tcp", hostPort: 8082, hostAddress: "192.0.2.1" },
      { containerPort: 80, protocol: "tcp", hostPort: 8083, hostAddress: "::1" },
    ] as const;
    const server = await start(A, ports);
    await lab.serve(server.pid, "server", "tcp", 80);
    expect({
      loopback: lab.ask(0, "TCP:127.0.0.1:8081"),
      loopbackElsewhere: lab.ask(0, "TCP:192.0.2.1:8081"),
      loopbackFromOutside: lab.ask(outside, "TCP:192.0.2.1:8081"),
      address: lab.ask(outside, "TCP:192.0.2.1:8082"),
      addressElsewhere: lab.ask(0, "TCP:127.0.0.1:8082"),
      ipv6: lab.ask(0, "TCP:[::1]:8083"),
      ipv6Elsewhere: lab.ask(0, "TCP:127.0.0.1:8083"),
    }).toEqual({
      loopback: "server for 172.17.0.1",
      loopbackElsewhere: "",
      loopbackFromOutside: "",
      address: "server for 192.0.2.9",
      addressElsewhere: "",
      ipv6: "server for 172.17.0.1",
      ipv6Elsewhere: "",
    });
  });

  test("keeps 127/8 of the host closed, to the outside and to containers that route there", async () => {
    await stack.open();
    const outside = await lab.outside();
    await lab.serve(process.pid, "host", "tcp", 9000);
    const server = await start(A, [{ containerPort: 80, protocol: "tcp", hostPort: 8080 }]);
    await lab.serve(server.pid, "server", "tcp", 80);
    // The attack of CVE-2020-8558: a neighbour sends to 127.0.0.1 over the wire.
    const attack = (pid: number, gateway: string): void => {
      for (const command of [
        ["ip", "addr", "del", "127.0.0.1/8", "dev", "lo"],
        ["sysctl", "-qw", "net.ipv4.conf.all.route_localnet=1"],
        ["ip", "route", "flush", "table", "local", "127.0.0.0/8"],
        ["ip", "route", "add", "127.0.0.0/8", "via", gateway],
      ]) {
        lab.run(pid, command);
      }
    };
    attack(outside, "192.0.2.1");
    attack(server.pid, "172.17.0.1");
    expect({
      really: lab.ask(0, "TCP:127.0.0.1:9000"),
      routes: lab.run(outside, ["ip", "route", "get", "127.0.0.1"]).output.includes("via 192.0.2.1"),
      outside: lab.ask(outside, "TCP:127.0.0.1:8080"),
      outsideToHost: lab.ask(outside, "TCP:127.0.0.1:9000"),
      container: lab.ask(server.pid, "TCP:127.0.0.1:9000"),
    }).toEqual({ really: "host for 127.0.0.1", routes: true, outside: "", outsideToHost: "", container: "" });
  });

  test("refuses a port that is taken in Docker's words, by whomever, and gives it once it is free", async () => {
    await stack.open();
    await lab.serve(process.pid, "other", "tcp", 8080);
    const ask = (id: string, hostPort: number, hostAddress = ""): Promise<Endpoint> =>
      stack.allocate(id, {
        network: "bridge",
        hostname: "h",
        ports: [{ containerPort: 80, protocol: "tcp", hostPort, hostAddress }],
      });
    const taken = (port: string) =>
      expect.objectContaining({ code: "conflict", message: `Bind for ${port} failed: port is already allocated` });
    expect(await ask(A, 8080).catch((error) => error)).toEqual(taken("0.0.0.0:8080"));
    const first = await start(A, [{ containerPort: 80, protocol: "tcp", hostPort: 8090 }]);
    expect(await ask(B, 8090).catch((error) => error)).toEqual(taken("0.0.0.0:8090"));
    expect(await ask(B, 8090, "127.0.0.1").catch((error) => error)).toEqual(taken("127.0.0.1:8090"));
    // Someone else does not get it either, although a rewritten destination needs no socket.
    expect(lab.run(0, ["socat", "-u", "TCP4-LISTEN:8090", "-"]).output).toContain("Address already in use");
    await stack.release(first.containerId);
    await until("the port is free", () => !listens(process.pid, "tcp", 8090));
    expect((await ask(B, 8090)).ports[0]?.hostPort).toBe(8090);
    expect(await ask("c".repeat(64), 80, "203.0.113.1").catch((error) => error)).toMatchObject({
      code: "invalid-argument",
      message: "Bind for 203.0.113.1:80 failed: EADDRNOTAVAIL: address not available",
    });
  });

  test("chooses ports in the kernel's range, one after the other", async () => {
    await stack.open();
    const free = { containerPort: 80, protocol: "tcp" } as const;
    const { ports } = await stack.allocate(A, { network: "bridge", hostname: "h", ports: [free, free] });
    const numbers = ports.map((port) => port.hostPort);
    expect(numbers).toEqual([32768, 32769]);
  });

  test("leaves nothing behind when a container is released, and does not give its address again at once", async () => {
    await stack.open();
    const before = lab.state();
    const first = await start(A, [{ containerPort: 80, protocol: "tcp", hostPort: 8080 }]);
    expect(lab.state()).not.toEqual(before);
    await stack.release(A);
    await stack.release(A);
    await until("the relay is gone", () => !listens(process.pid, "tcp", 8080));
    await until("the interface is gone", () => lab.state().interfaces.length === before.interfaces.length);
    expect(lab.state()).toEqual(before);
    expect((await start(B)).address).not.toBe(first.address);
  });

  test("leaves nothing behind when connecting fails", async () => {
    await stack.open();
    const before = lab.state();
    const endpoint = await stack.allocate(A, {
      network: "bridge",
      hostname: "h",
      ports: [{ containerPort: 80, protocol: "tcp", hostPort: 8080 }],
    });
    const noProcess = 2 ** 22 - 1;
    expect(await stack.connect(endpoint, noProcess).catch((error) => error)).toMatchObject({ code: "not-found" });
    await stack.release(A);
    await until("the relay is gone", () => !listens(process.pid, "tcp", 8080));
    expect(lab.state()).toEqual(before);
  });

  test("a new daemon takes over: what runs stays reachable, what does not is cleared away", async () => {
    await stack.open();
    const outside = await lab.outside();
    const server = await start(A, [{ containerPort: 80, protocol: "tcp", hostPort: 8080 }]);
    await start(B, [{ containerPort: 80, protocol: "tcp", hostPort: 8081 }]);
    await lab.serve(server.pid, "server", "tcp", 80);
    stack.close();
    expect(lab.ask(outside, "TCP:192.0.2.1:8080")).toBe("server for 192.0.2.9");
    // Leftovers of a daemon that was killed at a bad moment.
    lab.run(0, ["ip", "link", "add", "gv0badcafe12345", "type", "veth", "peer", "name", "leftover"]);
    const orphan = await lab.startRelay([
      "relay",
      "--id",
      `gantry-0badcafe/${B}x`,
      "tcp",
      "::",
      "8099",
      "127.0.0.1",
      "1",
    ]);
    const foreign = await lab.startRelay([
      "relay",
      "--id",
      `gantry-11111111/${B}`,
      "tcp",
      "::",
      "8098",
      "127.0.0.1",
      "1",
    ]);

    stack = lab.stack();
    await stack.open();
    expect(lab.ask(outside, "TCP:192.0.2.1:8080")).toBe("server for 192.0.2.9");
    await stack.recover([{ containerId: A, pid: server.pid }]);
    await until("the relays are gone", () => !listens(process.pid, "tcp", 8081) && !listens(process.pid, "tcp", 8099));
    expect({
      outside: lab.ask(outside, "TCP:192.0.2.1:8080"),
      ipv6: lab.ask(0, "TCP:[::1]:8080"),
      endpoints: stack.inspect("bridge").endpoints.map((endpoint) => endpoint.containerId),
      interfaces: lab.state().interfaces.filter((name) => name.startsWith("gv")),
      foreign: listens(process.pid, "tcp", 8098),
    }).toEqual({
      outside: "server for 192.0.2.9",
      ipv6: "server for 172.17.0.1",
      endpoints: [A],
      interfaces: [server.hostInterface],
      foreign: true,
    });
    expect(orphan).not.toBe(foreign);
  });

  test("recovery restores the relay, the bridge and the rules that others took away", async () => {
    await stack.open();
    const outside = await lab.outside();
    const server = await start(A, [{ containerPort: 80, protocol: "tcp", hostPort: 8080 }]);
    await lab.serve(server.pid, "server", "tcp", 80);
    stack.close();
    lab.killRelays();
    await until("the relay is gone", () => !listens(process.pid, "tcp", 8080));
    lab.run(0, ["nft", "flush", "ruleset"]);
    lab.run(0, ["ip", "link", "del", "gn0badcafe0"]);
    stack = lab.stack();
    await stack.open();
    await stack.recover([{ containerId: A, pid: server.pid }]);
    expect({
      outside: lab.ask(outside, "TCP:192.0.2.1:8080"),
      ipv6: lab.ask(0, "TCP:[::1]:8080"),
      itself: lab.ask(server.pid, "TCP:192.0.2.1:8080"),
    }).toEqual({
      outside: "server for 192.0.2.9",
      ipv6: "server for 172.17.0.1",
      itself: "server for 172.17.0.1",
    });
  });

  test("publishing writes the whole table again where someone flushed it", async () => {
    await stack.open();
    const outside = await lab.outside();
    const first = await start(A, [{ containerPort: 80, protocol: "tcp", hostPort: 8080 }]);
    await lab.serve(first.pid, "first", "tcp", 80);
    lab.run(0, ["nft", "flush", "ruleset"]);
    // The relay keeps the port bound, and steps in.
    expect(lab.ask(outside, "TCP:192.0.2.1:8080")).toBe("first for 172.17.0.1");
    await start(B, [{ containerPort: 80, protocol: "tcp", hostPort: 8081 }]);
    expect(lab.ask(outside, "TCP:192.0.2.1:8080")).toBe("first for 192.0.2.9");
  });

  test("the table is what the pure builder says, in nft's own words", async () => {
    await stack.open();
    const server = await start(A, [
      { containerPort: 80, protocol: "tcp", hostPort: 8080 },
      { containerPort: 53, protocol: "udp", hostPort: 5353, hostAddress: "127.0.0.1" },
    ]);
    const network = { bridge: "gn0badcafe0", subnetAddress: "172.17.0.0", prefixLength: 16 };
    const listed = lab.run(0, ["nft", "--stateless", "list", "table", "ip", "gantry-0badcafe"]).output;
    expect(listed).toBe(formatRuleset(buildRuleset("gantry-0badcafe", [network], [server])).trim());
  });

  test("chooses a subnet that the host does not know, and keeps it", async () => {
    lab.run(0, ["ip", "link", "add", "docker0", "type", "bridge"]);
    lab.run(0, ["ip", "addr", "add", "172.17.0.1/16", "dev", "docker0"]);
    await lab.outside();
    lab.run(0, ["ip", "route", "add", "172.18.64.0/24", "via", "192.0.2.9"]);
    await stack.open();
    expect(stack.inspect("bridge").subnet).toBe("172.19.0.0/16");
    await stack.open();
    expect(stack.inspect("bridge").subnet).toBe("172.19.0.0/16");
    const other = lab.stack({ rootHash: "00000002", records: lab.otherRecords() });
    await other.open();
    expect(other.inspect("bridge").subnet).toBe("172.20.0.0/16");
    await other.removeAll();
    other.close();
  });

  test("passes a dockerd's firewall by DOCKER-USER, once, and takes its rules away again", async () => {
    // As dockerd writes it: the policy drops, and DOCKER-USER is asked first.
    for (const rule of ["-P FORWARD DROP", "-N DOCKER-USER", "-A DOCKER-USER -j RETURN", "-A FORWARD -j DOCKER-USER"]) {
      expect(lab.run(0, ["iptables", ...rule.split(" ")])).toEqual({ status: 0, output: "" });
    }
    await stack.open();
    await stack.open();
    const outside = await lab.outside();
    await lab.serve(outside, "outside", "tcp", 7000);
    const server = await start(A, [{ containerPort: 80, protocol: "tcp", hostPort: 8080 }]);
    await lab.serve(server.pid, "server", "tcp", 80);
    const rules = (): string[] => lab.run(0, ["iptables", "-S", "DOCKER-USER"]).output.split("\n");
    expect({
      incoming: lab.ask(outside, "TCP:192.0.2.1:8080"),
      outgoing: lab.ask(server.pid, "TCP:192.0.2.9:7000"),
      rules: rules(),
      warnings: lab.warnings,
    }).toEqual({
      incoming: "server for 192.0.2.9",
      outgoing: "outside for 192.0.2.1",
      rules: [
        "-N DOCKER-USER",
        "-A DOCKER-USER -i gn0badcafe+ -m comment --comment gantry-0badcafe -j ACCEPT",
        "-A DOCKER-USER -o gn0badcafe+ -m comment --comment gantry-0badcafe -j ACCEPT",
        "-A DOCKER-USER -j RETURN",
      ],
      warnings: [],
    });
    await stack.removeAll();
    expect(rules()).toEqual(["-N DOCKER-USER", "-A DOCKER-USER -j RETURN"]);
  });

  test("says which foreign chain drops forwarded packets", async () => {
    lab.run(0, [
      "nft",
      "add table inet strict; add chain inet strict passing { type filter hook forward priority 0; policy drop; }",
    ]);
    await stack.open();
    await stack.open();
    expect(lab.warnings).toEqual([
      "the firewall of this host (nftables chain inet strict passing) drops what is forwarded: if containers reach nothing, run " +
        "nft insert rule inet strict passing iifname '\"gn0badcafe*\"' accept; nft insert rule inet strict passing oifname '\"gn0badcafe*\"' accept",
    ]);
  });

  test("raises only the loopback for a container without a network", async () => {
    const pid = await lab.container();
    stack.loopback(pid);
    await lab.serve(pid, "itself", "tcp", 80);
    expect(lab.ask(pid, "TCP:127.0.0.1:80")).toBe("itself for 127.0.0.1");
    expect(lab.run(pid, ["ip", "-br", "link"]).output.split("\n")).toHaveLength(1);
  });
});
