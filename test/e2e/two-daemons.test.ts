import { describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { takeCensus } from "../crash/host-census.ts";
import { daemonSkipReason, TestDaemon, until } from "../support/daemon.ts";

const skip = daemonSkipReason(["nft"]);
if (skip !== undefined) console.log(`skipped: ${skip}`);

const main = join(import.meta.dir, "../../src/cli/main.ts");

describe.skipIf(skip !== undefined)("two daemons on one host", () => {
  test("they do not see each other, and one that is killed and comes back leaves the other's alone", async () => {
    const [left, right] = await Promise.all([TestDaemon.start(), TestDaemon.start()]);
    await using _left = left;
    await using _right = right;
    const run = async (daemon: TestDaemon): Promise<string> => {
      const serve = "while :; do echo hello | nc -l -p 80; done";
      const args = ["run", "-d", "--name", "same", "busybox", "sh", "-c", serve];
      const { stdout, stderr } = await daemon.gantry(args);
      expect(stderr).toBe("");
      return stdout.trim();
    };
    const [leftId, rightId] = await Promise.all([run(left), run(right)]);
    const seen = new Set([leftId, rightId]);
    const addresses = await Promise.all(
      [left, right].map(async (daemon) => (await daemon.api().inspectContainer("same")).NetworkSettings.Networks),
    );
    const gateways = addresses.map((networks) => networks?.bridge?.Gateway);
    expect(new Set(gateways).size).toBe(2);
    await left.down("SIGKILL");
    expect(await takeCensus(right, new Set([rightId]))).toEqual([]);
    await left.up();
    for (const [daemon, id] of [
      [left, leftId],
      [right, rightId],
    ] as const) {
      expect(await takeCensus(daemon, new Set([id]))).toEqual([]);
      expect((await daemon.gantry(["exec", "same", "echo", "alive"])).stdout).toBe("alive\n");
    }
    await left.gantry(["rm", "-f", "same"]);
    expect(await takeCensus(left, new Set([leftId]))).toEqual([]);
    expect((await right.gantry(["exec", "same", "nc", "127.0.0.1", "80"])).stdout).toBe("hello\n");
    expect(await takeCensus(right, new Set([rightId]))).toEqual([]);
    expect(seen.size).toBe(2);
  });

  test("a second one on the same root says so, and disturbs nothing", async () => {
    await using daemon = await TestDaemon.start();
    const { stdout } = await daemon.gantry(["run", "-d", "busybox", "sleep", "100"]);
    const places = ["--root", daemon.root, "--state", daemon.state, "--host", `unix://${daemon.socketPath}.2`];
    const second = spawnSync(process.execPath, [main, ...places, "daemon"], { encoding: "utf8" });
    expect(second.status).toBe(1);
    expect(second.stderr).toBe(
      `gantry: ${daemon.root} is in use by process ${daemon.pid} (one daemon owns a root: use that one, or another --root)\n`,
    );
    await until("it still serves", async () => (await daemon.gantry(["ps", "-q"])).stdout !== "");
    expect(await takeCensus(daemon, new Set([stdout.trim()]))).toEqual([]);
  });
});
