import { describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { connect } from "node:net";
import { hashRoot } from "../../src/daemon/root-hash.ts";
import { takeCensus } from "../crash/host-census.ts";
import { daemonSkipReason, TestDaemon, until } from "../support/daemon.ts";

const skip = daemonSkipReason(["nft"]);
if (skip !== undefined) console.log(`skipped: ${skip}`);

/** What the interfaces of a daemon are labelled with, by name. */
function labels(daemon: TestDaemon): Map<string, string> {
  const names = readdirSync("/sys/class/net").filter((name) => name.startsWith(`gv${hashRoot(daemon.root)}`));
  return new Map(
    names.flatMap((name) => {
      try {
        return [[name, readFileSync(`/sys/class/net/${name}/ifalias`, "utf8").trim()]];
      } catch {
        return []; // gone meanwhile
      }
    }),
  );
}

function spares(daemon: TestDaemon): string[] {
  return [...labels(daemon)].flatMap(([name, label]) => (label === "spare" ? [name] : []));
}

/** A container that tells its address, and answers at port 80 with its sysctls and the state of its interfaces. */
async function serve(daemon: TestDaemon, name: string): Promise<string> {
  const told = "ip -4 -o addr show; ip route; cat /proc/sys/net/ipv4/ip_unprivileged_port_start; ls /sys/class/net";
  const script = `(${told}) > /told; while :; do nc -l -p 80 < /told; done`;
  const started = await daemon.gantry(["run", "-d", "--name", name, "busybox", "sh", "-c", script]);
  expect(started.stderr).toBe("");
  const { Networks } = (await daemon.api().inspectContainer(name)).NetworkSettings;
  return Networks?.bridge?.IPAddress ?? "";
}

/** What a server at port 80 says, as soon as it does. */
async function ask(address: string): Promise<string> {
  let said = "";
  await until(`${address} answers`, async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const socket = connect({ host: address, port: 80 });
    socket.on("data", (bytes) => {
      said += bytes.toString();
    });
    socket.on("error", () => {});
    socket.on("close", () => resolve());
    await promise;
    return said !== "";
  });
  return said;
}

/** The label of an interface follows the start of its container. */
async function labelled(daemon: TestDaemon, name: string): Promise<string> {
  const { Id } = await daemon.api().inspectContainer(name);
  await until("its interface has its label", () => [...labels(daemon).values()].includes(Id));
  return Id;
}

describe.skipIf(skip !== undefined)("network namespaces that are made in advance", () => {
  test("none before the first start, two from then on; a start takes one, and nothing tells it from another", async () => {
    await using daemon = await TestDaemon.start();
    expect(labels(daemon).size).toBe(0);
    const first = await serve(daemon, "first");
    await until("two are made", () => spares(daemon).length === 2);
    const before = spares(daemon);
    const second = await serve(daemon, "second");
    const seen = await Promise.all(
      [first, second].map(async (address) => (await ask(address)).replaceAll(address, "ADDRESS")),
    );
    expect(seen[1]).toBe(seen[0] ?? "");
    expect(seen[1]).toContain("inet ADDRESS/16");
    const Id = await labelled(daemon, "second");
    const [taken] = [...labels(daemon)].find(([, label]) => label === Id) ?? [];
    expect(before).toContain(taken ?? "");
    await daemon.gantry(["rm", "-f", "first", "second"]);
    expect(await takeCensus(daemon, new Set([Id]))).toEqual([]);
    await daemon.down();
    await until("they go with the daemon", () => labels(daemon).size === 0);
  });

  test("they die with a daemon that is killed; what runs in one goes on, and the next daemon knows it", async () => {
    await using daemon = await TestDaemon.start();
    await serve(daemon, "first");
    await until("two are made", () => spares(daemon).length === 2);
    const address = await serve(daemon, "second");
    const Id = await labelled(daemon, "second");
    await daemon.down("SIGKILL");
    await until("the spares are gone", () => spares(daemon).length === 0);
    expect(await ask(address)).toContain(address);
    await daemon.up();
    const known = await daemon.api().listContainers({ all: true });
    expect(await takeCensus(daemon, new Set([Id, ...known.map((one) => one.Id)]))).toEqual([]);
    expect(await ask(address)).toContain(address);
  });

  test("one whose bridge was removed is not used", async () => {
    await using daemon = await TestDaemon.start();
    await serve(daemon, "first");
    await until("two are made", () => spares(daemon).length === 2);
    await daemon.gantry(["rm", "-f", "first"]);
    expect(spawnSync("ip", ["link", "del", `gn${hashRoot(daemon.root)}0`]).status).toBe(0);
    const address = await serve(daemon, "second");
    expect(await ask(address)).toContain(address);
  });

  test("who asks for a hardware address gets it", async () => {
    await using daemon = await TestDaemon.start();
    await daemon.gantry(["run", "--rm", "busybox", "true"]);
    await until("two are made", () => spares(daemon).length === 2);
    const mac = "02:42:0a:0b:0c:0d";
    const shown = await daemon.gantry([
      "run",
      "--rm",
      "--mac-address",
      mac,
      "busybox",
      "cat",
      "/sys/class/net/eth0/address",
    ]);
    expect(shown.stdout).toBe(`${mac}\n`);
    expect(spares(daemon).length).toBe(2);
  });
});
