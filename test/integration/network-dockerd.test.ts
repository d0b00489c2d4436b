import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { NetworkStack } from "../../src/network/network-stack.ts";
import { endChild } from "../support/end-child.ts";
import { NetworkLab, until } from "./network-lab.ts";

const ID = "d".repeat(64);

/** A real dockerd, in the network namespace of the lab. */
async function startDockerd(lab: NetworkLab, address: string): Promise<ChildProcess> {
  const folder = (name: string): string => join(lab.folder, name);
  const dockerd = lab.spawn("unshare", [
    ...["--mount", "--propagation", "private", "dockerd"],
    ...["--data-root", folder("data"), "--exec-root", folder("exec"), "--pidfile", folder("pid")],
    ...["--host", `unix://${folder("sock")}`, "--storage-driver", "vfs", "--bip", address],
  ]);
  dockerd.stdout?.resume();
  dockerd.stderr?.resume();
  await until(
    "dockerd answers",
    () =>
      existsSync(folder("sock")) &&
      lab.run(0, ["docker", "--host", `unix://${folder("sock")}`, "version"]).status === 0,
    20_000,
  );
  return dockerd;
}

describe.skipIf(!existsSync("/usr/sbin/dockerd") && !existsSync("/usr/bin/dockerd"))("beside a running dockerd", () => {
  let lab: NetworkLab;
  let stack: NetworkStack;
  let dockerd: ChildProcess | undefined;

  beforeEach(() => {
    lab = NetworkLab.open("d0cced00");
    stack = lab.stack();
  });

  afterEach(async () => {
    await stack.removeAll();
    stack.close();
    await endChild(dockerd);
    await lab[Symbol.asyncDispose]();
  });

  for (const order of ["that started first", "that starts later"] as const) {
    test(`containers reach the outside and are reached, with a dockerd ${order}`, async () => {
      if (order === "that started first") dockerd = await startDockerd(lab, "172.17.0.1/16");
      await stack.open();
      const outside = await lab.outside();
      await lab.serve(outside, "outside", "tcp", 7000);
      const pid = await lab.container();
      const ports = [{ containerPort: 80, protocol: "tcp", hostPort: 8080 }] as const;
      const endpoint = await stack.allocate(ID, { network: "bridge", hostname: "h", ports });
      await stack.connect(endpoint, pid);
      await lab.serve(pid, "server", "tcp", 80);
      if (order === "that starts later") {
        dockerd = await startDockerd(lab, "172.30.0.1/16");
        stack.refreshFirewall();
      }
      expect({
        policy: lab.run(0, ["iptables", "-S", "FORWARD"]).output.split("\n")[0],
        incoming: lab.ask(outside, "TCP:192.0.2.1:8080"),
        loopback: lab.ask(0, "TCP:127.0.0.1:8080"),
        itself: lab.ask(pid, "TCP:192.0.2.1:8080"),
        outgoing: lab.ask(pid, "TCP:192.0.2.9:7000"),
        warnings: lab.warnings,
      }).toEqual({
        policy: order === "that started first" ? "-P FORWARD DROP" : expect.stringMatching(/^-P FORWARD/),
        incoming: "server for 192.0.2.9",
        loopback: `server for ${endpoint.gateway}`,
        itself: `server for ${endpoint.gateway}`,
        outgoing: "outside for 192.0.2.1",
        warnings: [],
      });
      expect(endpoint.gateway).toBe(order === "that started first" ? "172.18.0.1" : "172.17.0.1");
    }, 40_000);
  }
});
