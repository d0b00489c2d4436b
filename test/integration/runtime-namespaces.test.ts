import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chownSync, cpSync, readlinkSync, statSync } from "node:fs";
import { join } from "node:path";
import { readMovableLink } from "../../src/linux/netlink/movable-link.ts";
import { NetlinkSocket } from "../../src/linux/netlink/netlink-socket.ts";
import type { Linux, Namespace, NamespaceType, RuntimeSpec } from "../../src/oci/runtime-spec.ts";
import { planExec } from "../../src/runtime/plan/index.ts";
import { hostMounts } from "../support/host-mounts.ts";
import { Fixture } from "./supervise-fixture.ts";

const HOST_ID = 300_000;
const MAPPINGS = [{ containerID: 0, hostID: HOST_ID, size: 65_536 }];
const KINDS = ["pid", "network", "ipc", "uts", "mount", "cgroup"] as const;

let fixture: Fixture;
beforeAll(() => {
  fixture = new Fixture();
});
afterAll(() => fixture[Symbol.asyncDispose]());

const sh = (script: string): string[] => ["sh", "-c", script];

/** What a container of other ids can be in: a root of its own and nothing of ours. */
function userSpec(args: readonly string[], linux: Linux = {}, process: Partial<RuntimeSpec["process"]> = {}) {
  const namespaces = [...KINDS, "user" as const].map((type): Namespace => ({ type }));
  return fixture.spec(
    args,
    { linux: { namespaces, uidMappings: MAPPINGS, gidMappings: MAPPINGS, ...linux } },
    process ?? {},
  );
}

/** A root filesystem that belongs to the mapped root. */
function rootfs(name: string) {
  const path = fixture.path(name);
  cpSync(fixture.path("lower"), path, { recursive: true, verbatimSymlinks: true });
  for (const folder of ["", "dev", "proc", "sys", "tmp", "etc"]) chownSync(join(path, folder), HOST_ID, HOST_ID);
  return { path, rootfs: { type: "bind", path } as const };
}

/** Starts a container that stays until its end is wanted. */
async function stay(spec: RuntimeSpec, options: Parameters<Fixture["plan"]>[1] = {}) {
  const monitor = await fixture.launch(fixture.options(fixture.plan(spec, options)));
  const attachment = await monitor.attach({ stdin: false, stdout: true, stderr: true });
  await monitor.start();
  // Its first line: all is set.
  await attachment.output[Symbol.asyncIterator]().next();
  return monitor;
}

describe("a user namespace", () => {
  test("root of the container is another user of the host's, and all that is its own is usable", async () => {
    const { path, rootfs: source } = rootfs("own");
    const script = `
      id -u; cat /proc/self/uid_map /proc/self/setgroups | tr -s ' '
      for name in /dev/null /dev/zero /dev/tty; do stat -c '%n %t:%T' $name; done
      echo lost > /dev/null && head -c 3 /dev/zero | wc -c
      stat -L -c %u:%F /proc/self/fd/1
      mount -t tmpfs none /tmp 2>&1 && echo mounted
      hostname; echo x > /file; stat -c %u:%g /file
      cat /proc/sys/net/ipv4/ip_unprivileged_port_start
      grep -c . /proc/mounts >/dev/null && ls /sys/class/net`;
    const all = ["CAP_SYS_ADMIN", "CAP_CHOWN"];
    const { record, stdout, stderr } = await fixture.run(
      fixture.plan(
        userSpec(
          sh(script),
          { sysctl: { "net.ipv4.ip_unprivileged_port_start": "7" } },
          { capabilities: { bounding: all, effective: all, permitted: all } },
        ),
        { rootfs: source },
      ),
    );
    expect({ stderr, lines: stdout.trim().split("\n"), code: record.exitCode }).toEqual({
      stderr: "",
      lines: [
        "0",
        ` 0 ${HOST_ID} 65536`,
        "allow",
        "/dev/null 1:3",
        "/dev/zero 1:5",
        "/dev/tty 5:0",
        "3",
        "0:fifo",
        "mounted",
        "box",
        "0:0",
        "7",
        "lo",
      ],
      code: 0,
    });
    const file = statSync(join(path, "file"));
    expect([file.uid, file.gid]).toEqual([HOST_ID, HOST_ID]);
  });

  test("users, groups and a terminal are those of the container", async () => {
    const { rootfs: source } = rootfs("terminal");
    const { stdout } = await fixture.run(
      fixture.plan(
        userSpec(
          sh("stat -c %u:%a /dev/console; id -u; id -G; tty"),
          {},
          { terminal: true, user: { uid: 1000, gid: 100, additionalGids: [5, 6] } },
        ),
        { rootfs: source },
      ),
      { tty: true },
    );
    expect(stdout.replaceAll("\r", "").trim().split("\n")).toEqual(["1000:620", "1000", "100 5 6", "/dev/pts/0"]);
  });

  test("another container joins it and its network by path, and a process comes in by exec", async () => {
    const { rootfs: source } = rootfs("joined");
    const first = await stay(userSpec(sh("echo ready; sleep 60")), { rootfs: source });
    const at = (type: string): string => `/proc/${first.init.pid}/ns/${type}`;
    const link = (type: string): string => readlinkSync(at(type));
    const look = sh(
      "id -u; for kind in user net uts; do readlink /proc/self/ns/$kind; done; echo 8 > /proc/sys/net/ipv4/ip_unprivileged_port_start || echo kept",
    );
    const expected = ["0", link("user"), link("net")];

    const { rootfs: other } = rootfs("joining");
    const namespaces = [
      { type: "network", path: at("net") } as const,
      { type: "pid" } as const,
      { type: "mount" } as const,
      { type: "uts" } as const,
      { type: "user", path: at("user") } as const,
    ];
    const second = await fixture.run(fixture.plan(fixture.spec(look, { linux: { namespaces } }), { rootfs: other }));
    expect(second.stdout.split("\n").slice(0, 3)).toEqual(expected);
    expect(second.stdout.split("\n")[3]).not.toBe(link("uts"));

    const exec = await fixture.run(
      planExec(fixture.process(look), {
        pid: first.init.pid,
        startTime: first.init.startTime,
        namespaces: [...KINDS, "user"],
        cgroups: [],
      }),
    );
    expect(exec.stdout.split("\n").slice(0, 4)).toEqual([...expected, link("uts")]);
  });

  test("what the kernel refuses of the mappings is an error of that step", async () => {
    const { rootfs: source } = rootfs("refused");
    const overlapping = [...MAPPINGS, { containerID: 5, hostID: 900_000, size: 1 }];
    const monitor = fixture.launch(
      fixture.options(fixture.plan(userSpec(["true"], { uidMappings: overlapping }), { rootfs: source })),
    );
    await expect(monitor).rejects.toThrow(/map the users/);
  });
});

describe("a time namespace", () => {
  test("its clocks are ahead by what the specification says", async () => {
    const namespaces = [...KINDS, "time" as NamespaceType].map((type) => ({ type }));
    const timeOffsets = { monotonic: { secs: 100_000, nanosecs: 5 }, boottime: { secs: 5_000_000 } };
    const { stdout } = await fixture.run(
      fixture.plan(
        fixture.spec(
          sh(
            "cut -d. -f1 /proc/uptime; cat /proc/self/timens_offsets | tr -s ' '; readlink /proc/self/ns/time /proc/self/ns/time_for_children",
          ),
          {
            linux: { namespaces, timeOffsets },
          },
        ),
      ),
    );
    const [uptime, monotonic, boottime, own, children] = stdout.trim().split("\n");
    expect(Number(uptime)).toBeGreaterThanOrEqual(5_000_000);
    expect([monotonic, boottime]).toEqual(["monotonic 100000 5", "boottime 5000000 0"]);
    expect(own).not.toBe(readlinkSync("/proc/self/ns/time"));
    expect(children).toBe(own as string);
  });

  test("exec comes into it, and so does a container that joins it by path", async () => {
    const namespaces = [...KINDS, "time" as NamespaceType].map((type) => ({ type }));
    const first = await stay(
      fixture.spec(sh("echo ready; sleep 60"), {
        linux: { namespaces, timeOffsets: { boottime: { secs: 7_000_000 } } },
      }),
    );
    const exec = await fixture.run(
      planExec(fixture.process(sh("cut -d. -f1 /proc/uptime")), {
        pid: first.init.pid,
        startTime: first.init.startTime,
        namespaces: [...KINDS, "time"],
        cgroups: [],
      }),
    );
    expect(Number(exec.stdout)).toBeGreaterThanOrEqual(7_000_000);
    const joined = await fixture.run(
      fixture.plan(
        fixture.spec(sh("cut -d. -f1 /proc/uptime"), {
          linux: {
            namespaces: [...KINDS.map((type) => ({ type })), { type: "time", path: `/proc/${first.init.pid}/ns/time` }],
          },
        }),
      ),
    );
    expect(Number(joined.stdout)).toBeGreaterThanOrEqual(7_000_000);
  });
});

describe("other namespaces", () => {
  test("a network interface moves in with its addresses, under another name", async () => {
    const name = `gtn${process.pid}`;
    const ip = (...args: readonly string[]): void => {
      const { status, stderr } = spawnSync("ip", args, { encoding: "utf8" });
      if (status !== 0) throw new Error(stderr);
    };
    ip("link", "add", name, "type", "veth", "peer", "name", `${name}p`);
    try {
      for (const address of ["198.51.100.7/28", "2001:db8::7/64"]) ip("address", "add", address, "dev", name);
      using socket = NetlinkSocket.open("route");
      const link = readMovableLink(socket, name);
      if (link === undefined) throw new Error("there is no such interface");
      const namespaces = KINDS.map((type) => ({ type }));
      const linux = { namespaces, netDevices: { [name]: { name: "inner0" } } };
      const { stdout } = await fixture.run(
        fixture.plan(fixture.spec(sh("ip -o address show dev inner0 | tr -s ' '; ip -o link show lo"), { linux }), {
          netDevices: new Map([[name, link]]),
          loopback: true,
        }),
      );
      expect(stdout).toContain("inner0 inet 198.51.100.7/28");
      expect(stdout).toContain("inner0 inet6 2001:db8::7/64");
      expect(stdout).toMatch(/lo: <LOOPBACK,UP,LOWER_UP>/);
      expect(readMovableLink(socket, name)).toBeUndefined();
    } finally {
      // It is gone with the container, or it has not moved.
      spawnSync("ip", ["link", "delete", name]);
    }
  });

  test("a mount namespace is joined by its path, and the root is changed in there", async () => {
    const other = spawn("unshare", ["--mount", "--propagation", "private", "sh", "-c", "echo ready; read end"], {
      stdio: ["pipe", "pipe", "ignore"],
    });
    try {
      await once(other.stdout, "data");
      const path = `/proc/${other.pid}/ns/mnt`;
      const joined = readlinkSync(path);
      const own = readlinkSync("/proc/self/ns/mnt");
      expect(joined).not.toBe(own);
      const namespaces = KINDS.map((type) => (type === "mount" ? { type, path } : { type }));
      const mounts = hostMounts(fixture.directory);
      const { stdout } = await fixture.run(
        fixture.plan(fixture.spec(sh("readlink /proc/self/ns/mnt; ls -d /bin/busybox"), { linux: { namespaces } })),
      );
      expect(stdout).toBe(`${joined}\n/bin/busybox\n`);
      expect(hostMounts(fixture.directory)).toEqual(mounts);
    } finally {
      other.kill("SIGKILL");
    }
  });

  test("a mount namespace that is the host's own is left alone", async () => {
    const namespaces = KINDS.map((type) => (type === "mount" ? { type, path: "/proc/self/ns/mnt" } : { type }));
    const mounts = hostMounts(fixture.directory);
    const run = fixture.run(fixture.plan(fixture.spec(["true"], { linux: { namespaces } })));
    await expect(run).rejects.toThrow("cannot join the mount namespace /proc/self/ns/mnt: it is the one of the caller");
    expect(hostMounts(fixture.directory)).toEqual(mounts);

    // Whatever a plan says: no step changes mounts where init is in its parent's.
    const plan = fixture.plan(fixture.spec(["true"]));
    for (const [index, step] of plan.steps.entries()) {
      if (step.op === "clone-namespaces" || !/mount|root|path|propagation/.test(step.op)) continue;
      const { steps } = { steps: [...plan.steps.slice(0, 1), ...plan.steps.slice(index)] };
      const without = steps.map((one) =>
        one.op === "clone-namespaces" ? { ...one, flags: Number(one.flags) & ~0x20000 } : one,
      );
      await expect(fixture.run({ steps: without }), step.op).rejects.toThrow(
        "no mount namespace of the container's own",
      );
    }
    expect(hostMounts(fixture.directory)).toEqual(mounts);
  });
});
