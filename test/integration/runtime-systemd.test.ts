import { describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { detectCgroups } from "../../src/linux/cgroupfs/index.ts";
import { RUNTIMES, RuntimeBundle, type RuntimeResult, runtimeSkipReason } from "../support/runtime-bundle.ts";

const canRun = runtimeSkipReason() === undefined && existsSync("/run/systemd/private");
const isSecond = canRun && detectCgroups().mode === "v2";
const MEMORY = isSecond ? "MemoryMax" : "MemoryLimit";
const SHARES = isSecond ? "CPUWeight" : "CPUShares";
const MIB = 1 << 20;

interface Scope {
  readonly id: string;
  readonly unit: string;
  show(...names: readonly string[]): Readonly<Record<string, string>>;
  /** The folders of the scope that are there. */
  folders(): readonly string[];
  read(controller: string, file: string): string;
  /** By either kind of freezer: with both kinds of groups there are two. */
  isFrozen(): boolean;
}

function scopeOf(name: string): Scope {
  const id = `t${process.pid}-${name}`;
  const unit = `gantry-${id}.scope`;
  const path = `gantrytest.slice/gantrytest-cli.slice/${unit}`;
  const { mounts } = detectCgroups();
  const folders = (): readonly string[] => mounts.map(({ mountPoint }) => join(mountPoint, path)).filter(existsSync);
  const says = (file: string, word: string): boolean =>
    folders().some(
      (folder) => existsSync(join(folder, file)) && readFileSync(join(folder, file), "utf8").trim() === word,
    );
  return {
    ...{ id, unit },
    show: (...names) => {
      const command = ["show", unit, ...names.map((property) => `--property=${property}`)];
      const { stdout } = spawnSync("systemctl", command, { encoding: "utf8" });
      const lines = stdout.trim().split("\n");
      return Object.fromEntries(lines.map((line) => line.split(/=(.*)/s, 2) as [string, string]));
    },
    folders,
    isFrozen: () => says("cgroup.freeze", "1") || says("freezer.state", "FROZEN"),
    read: (controller, file) => {
      const top = isSecond ? "/sys/fs/cgroup" : `/sys/fs/cgroup/${controller}`;
      return readFileSync(join(top, path, file), "utf8").trim();
    },
  };
}

const GONE = { scope: { LoadState: "not-found" }, folders: [] };
/** runc warns of devices that a host has not, which is no failure. */
const withoutWarnings = (text: string): string => text.replace(/^time=\S+ level=warning .*\n/gm, "");

/** systemd takes init of runc out of its group for devices on v1. */
const withoutDevices = (text: string): string => text.replace(/^\d+:devices:.*\n/m, "");

const traces = (scope: Scope): object => ({ scope: scope.show("LoadState"), folders: scope.folders() });

describe.skipIf(!canRun)("a container whose groups systemd keeps", () => {
  describe.each(RUNTIMES)("with %s --systemd-cgroup", (runtime, command) => {
    const name = runtime.split(" ")[0] ?? "";

    function write(bundle: RuntimeBundle, scope: Scope, args: readonly string[]): void {
      bundle.write({
        process: { args },
        linux: {
          namespaces: [{ type: "pid" }, { type: "mount" }, { type: "ipc" }, { type: "uts" }],
          cgroupsPath: `gantrytest-cli.slice:gantry:${scope.id}`,
          // Shares that become the same weight by both formulas, that of runc before 1.3 and the one since.
          resources: {
            memory: { limit: 64 * MIB },
            cpu: { shares: 262_144, quota: 50_000, period: 100_000 },
            pids: { limit: 20 },
          },
        },
      });
    }

    test("its scope is made, entered, changed, frozen and removed", () => {
      using bundle = new RuntimeBundle([...command]);
      const scope = scopeOf(`${name}-life`);
      const run = (...args: readonly string[]): RuntimeResult => {
        const result = bundle.run("--systemd-cgroup", ...args);
        return { ...result, stderr: withoutWarnings(result.stderr) };
      };
      const done = { status: 0, stdout: "", stderr: "" };
      write(bundle, scope, ["sleep", "1000"]);
      expect(run("create", scope.id)).toEqual(done);
      const limits = [MEMORY, SHARES, "TasksMax", "CPUQuotaPerSecUSec"];
      expect(scope.show("ActiveState", "Delegate", "Slice", "DevicePolicy", ...limits)).toEqual({
        ActiveState: "active",
        Delegate: "yes",
        Slice: "gantrytest-cli.slice",
        DevicePolicy: "strict",
        [MEMORY]: String(64 * MIB),
        [SHARES]: isSecond ? "10000" : "262144",
        TasksMax: "20",
        CPUQuotaPerSecUSec: "500ms",
      });
      expect(run("start", scope.id)).toEqual(done);
      const { pid, status } = JSON.parse(run("state", scope.id).stdout);
      expect(status).toBe("running");
      // Whoever joins is where init is, in every hierarchy.
      const { stdout: joined } = run("exec", scope.id, "cat", "/proc/self/cgroup");
      expect(joined).toContain(`/gantrytest.slice/gantrytest-cli.slice/${scope.unit}\n`);
      expect(withoutDevices(joined)).toBe(withoutDevices(readFileSync(`/proc/${pid}/cgroup`, "utf8")));

      expect(run("update", "--memory", "128m", "--pids-limit", "30", "--cpu-quota", "20000", scope.id)).toEqual(done);
      // What it was told, it does not undo when it looks at everything again.
      spawnSync("systemctl", ["daemon-reload"]);
      expect(scope.show(...limits)).toEqual({
        [MEMORY]: String(128 * MIB),
        [SHARES]: isSecond ? "10000" : "262144",
        TasksMax: "30",
        CPUQuotaPerSecUSec: "200ms",
      });
      expect([
        scope.read("memory", isSecond ? "memory.max" : "memory.limit_in_bytes"),
        scope.read("pids", "pids.max"),
        scope.read("cpu", isSecond ? "cpu.max" : "cpu.cfs_quota_us"),
      ]).toEqual([String(128 * MIB), "30", isSecond ? "20000 100000" : "20000"]);

      expect(run("pause", scope.id)).toEqual(done);
      expect(JSON.parse(run("state", scope.id).stdout).status).toBe("paused");
      expect(scope.isFrozen()).toBe(true);
      expect(run("resume", scope.id)).toEqual(done);
      expect(scope.isFrozen()).toBe(false);

      expect(run("delete", "--force", scope.id)).toEqual(done);
      expect(traces(scope)).toEqual(GONE);
      expect(bundle.left()).toEqual([]);
    });

    test("its scope ends with a run in the foreground", () => {
      using bundle = new RuntimeBundle([...command]);
      const scope = scopeOf(`${name}-run`);
      write(bundle, scope, ["sh", "-c", "cat /proc/self/cgroup; exit 3"]);
      const { status, stdout, stderr } = bundle.run("--systemd-cgroup", "run", scope.id);
      expect({ status, stderr: withoutWarnings(stderr), isIn: stdout.includes(`/${scope.unit}\n`) }).toEqual({
        status: 3,
        stderr: "",
        isIn: true,
      });
      expect(traces(scope)).toEqual(GONE);
    });

    test("a container that cannot be made leaves no scope", () => {
      using bundle = new RuntimeBundle([...command]);
      const scope = scopeOf(`${name}-nonesuch`);
      write(bundle, scope, ["nonesuch"]);
      const { status, stderr } = bundle.run("--systemd-cgroup", "create", scope.id);
      expect(status).toBe(1);
      expect(stderr).toContain("executable file not found in $PATH");
      expect(traces(scope)).toEqual(GONE);
      expect(bundle.left()).toEqual([]);
    });
  });
});
