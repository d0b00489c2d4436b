import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { chmodSync, chownSync, mkdirSync, writeFileSync } from "node:fs";
import type { Linux, Mount, NamespaceType } from "../../src/oci/runtime-spec.ts";
import { HostMounts, mountsOf, type TrialOptions, tryMounts } from "./runtime-mounts-fixture.ts";
import { Fixture } from "./supervise-fixture.ts";

const FIRST = 300_000;
const ids = [{ containerID: 0, hostID: FIRST, size: 65_536 }];
const linux: Linux = {
  namespaces: (["user", "pid", "network", "ipc", "uts", "mount", "cgroup"] as const).map((type: NamespaceType) => ({
    type,
  })),
  uidMappings: ids,
  gidMappings: ids,
  maskedPaths: ["/proc/keys", "/sys/firmware"],
  readonlyPaths: ["/proc/sys"],
};

let fixture: Fixture;
let trial: TrialOptions;
beforeAll(() => {
  fixture = new Fixture();
  chmodSync(fixture.directory, 0o755);
  mkdirSync(fixture.path("data"));
  writeFileSync(fixture.path("data/file"), "data\n");
  chownSync(fixture.path("data/file"), FIRST + 5, FIRST + 6);
  spawnSync("cp", ["-a", fixture.path("lower"), fixture.path("image")]);
  spawnSync("chown", ["-R", `${FIRST}:${FIRST}`, fixture.path("image")]);
  trial = { linux, plan: { rootfs: { type: "bind", path: fixture.path("image") } } };
});
afterAll(() => fixture[Symbol.asyncDispose]());

const bind = (destination: string, source: string, ...options: string[]): Mount => ({
  destination,
  type: "bind",
  source: fixture.path(source),
  options: ["rbind", ...options],
});

describe("in a user namespace", () => {
  test("default devices are the host's, bound; pipes are made; a device that the host has elsewhere is refused", async () => {
    const script =
      "stat -c '%n %F %t:%T %u' /dev/null /dev/tty /dev/pipe; echo x > /dev/null && head -c 4 /dev/zero | wc -c; grep -c ' /dev/null ' /proc/self/mountinfo";
    const withPipe = { ...linux, devices: [{ path: "/dev/pipe", type: "p" }] } as const;
    const { stdout, stderr } = await tryMounts(fixture, script, { ...trial, linux: withPipe });
    expect(stderr).toBe("");
    expect(stdout).toBe(
      "/dev/null character special file 1:3 65534\n/dev/tty character special file 5:0 65534\n/dev/pipe fifo 0:0 0\n4\n1\n",
    );
    const other = { ...linux, devices: [{ path: "/dev/no-such", type: "c", major: 1, minor: 3 }] } as const;
    await expect(tryMounts(fixture, "true", { ...trial, linux: other })).rejects.toThrow(
      'cannot make the device "/dev/no-such"',
    );
  });

  test("masks, read-only paths and a read-only root hold", async () => {
    const script = "cat /proc/keys | wc -c; ls /sys/firmware | wc -l; touch /x; echo 1 > /proc/sys/vm/drop_caches";
    const { stdout, stderr } = await tryMounts(fixture, script, { ...trial, root: { path: "x", readonly: true } });
    expect(stdout).toBe("0\n0\n");
    expect(stderr.match(/Read-only file system|can't create/g)?.length).toBeGreaterThanOrEqual(2);
  });

  test("a source is found where only root of the host, or only somebody else, may go", async () => {
    for (const owner of [0, 1234]) {
      const name = `closed-${owner}`;
      mkdirSync(fixture.path(`${name}/deep`), { recursive: true });
      writeFileSync(fixture.path(`${name}/deep/file`), "found\n");
      chownSync(fixture.path(name), owner, owner);
      chmodSync(fixture.path(name), 0o700);
      const mounts = [bind("/v", `${name}/deep`)];
      expect((await tryMounts(fixture, "cat /v/file", { ...trial, mounts })).stdout).toBe("found\n");
    }
  });

  test("what the host's mount forbids stays so, whatever the container's root tries", async () => {
    using host = new HostMounts();
    mkdirSync(fixture.path("locked"));
    host.mount(fixture.path("locked"), "-t", "tmpfs", "-o", "nosuid,nodev,noexec", "tmpfs");
    host.mount(fixture.path("locked"), "-o", "remount,bind,ro,nosuid,nodev,noexec");
    const mounts = [bind("/v", "locked", "nosuid")];
    const script = "mount -o remount,bind,rw,suid,dev,exec /v; grep ' /v ' /proc/self/mountinfo | cut -d' ' -f6";
    const { stdout, stderr } = await tryMounts(fixture, script, { ...trial, mounts });
    expect(stdout).toBe("ro,nosuid,nodev,noexec,relatime\n");
    expect(stderr).toContain("permission denied");
    await expect(tryMounts(fixture, "true", { ...trial, mounts: [bind("/v", "locked", "rw")] })).rejects.toThrow(
      "options: EPERM",
    );
  });

  test("ids of a mount are mapped as the container's", async () => {
    chownSync(fixture.path("data"), 0, 0);
    writeFileSync(fixture.path("data/roots"), "");
    const mounts = [bind("/plain", "data"), bind("/mapped", "data", "idmap")];
    const script =
      "stat -c '%n %u:%g' /plain/file /plain/roots /mapped/roots; touch /mapped/made && stat -c %u /mapped/made";
    const { stdout, stderr } = await tryMounts(fixture, script, { ...trial, mounts });
    expect(stderr).toBe("");
    expect(stdout).toBe("/plain/file 5:6\n/plain/roots 65534:65534\n/mapped/roots 0:0\n0\n");
    expect(spawnSync("stat", ["-c", "%u", fixture.path("data/made")], { encoding: "utf8" }).stdout).toBe("0\n");
  });

  test("new file systems are mounted, and a tmpfs begins with what it hides", async () => {
    const mounts: Mount[] = [
      { destination: "/etc", type: "tmpfs", source: "tmpfs", options: ["tmpcopyup"] },
      { destination: "/dev/mqueue", type: "mqueue", source: "mqueue", options: ["nosuid"] },
    ];
    const lines = await mountsOf(fixture, { ...trial, mounts });
    const types = lines.map(({ path, type }) => `${path} ${type}`);
    for (const line of [
      "/proc proc",
      "/dev tmpfs",
      "/dev/pts devpts",
      "/sys sysfs",
      "/etc tmpfs",
      "/dev/mqueue mqueue",
    ])
      expect(types).toContain(line);
  });

  test("the host's cgroups are out of reach without groups of its own (CVE-2023-25809)", async () => {
    const own = { ...linux, namespaces: (linux.namespaces ?? []).filter(({ type }) => type !== "cgroup") };
    for (const type of ["cgroup", "cgroup2"])
      for (const access of ["ro", "rw"]) {
        const mounts: Mount[] = [{ destination: "/sys/fs/cgroup", type, source: "cgroup", options: [access] }];
        const script = "ls /sys/fs/cgroup | wc -l; mkdir /sys/fs/cgroup/x";
        const { stdout, stderr } = await tryMounts(fixture, script, { ...trial, linux: own, mounts });
        expect([type, access, stdout]).toEqual([type, access, "0\n"]);
        expect(stderr).toContain("Read-only file system");
      }
  });
});
