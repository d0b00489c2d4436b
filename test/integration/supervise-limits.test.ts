import { afterAll, beforeAll, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { createConnection } from "node:net";
import { join } from "node:path";
import { ContainerCgroup, detectCgroups } from "../../src/linux/cgroupfs/index.ts";
import { planCgroup } from "../../src/runtime/cgroup/index.ts";
import { readExitRecord } from "../../src/supervise/exit-record.ts";
import { readLog } from "../../src/supervise/index.ts";
import { Fixture } from "./supervise-fixture.ts";

let fixture: Fixture;
beforeAll(() => {
  fixture = new Fixture();
});
afterAll(() => fixture[Symbol.asyncDispose]());

const sh = (script: string): string[] => ["sh", "-c", script];
test("a container in its cgroups sees only them, and one that the kernel killed for memory says so", async () => {
  const host = detectCgroups();
  const limits = planCgroup({ memory: { limit: 16 << 20, swap: 16 << 20 } }, host);
  const group = ContainerCgroup.create(host, `gantry-supervise-${process.pid}`, limits);
  const cgroups = group.folders;
  try {
    const mounts = [
      {
        destination: "/sys/fs/cgroup",
        type: "cgroup",
        source: "cgroup",
        options: ["ro", "nosuid", "noexec", "nodev"],
      },
    ];
    const inside = host.mode === "v2" ? "/sys/fs/cgroup" : "/sys/fs/cgroup/memory";
    const script = `cut -d: -f3 /proc/self/cgroup | sort -u; head -n 1 ${inside}/cgroup.procs; mkdir ${inside}/x`;
    const view = await fixture.run(fixture.plan(fixture.spec(sh(script), { mounts }), { cgroups }));
    expect(view.stdout).toBe("/\n1\n");
    expect(view.stderr).toContain("Read-only file system");
    expect(view.record.oomKilled).toBe(false);
    const hog = await fixture.run(
      fixture.plan(fixture.spec(["dd", "if=/dev/zero", "of=/dev/shm/x", "bs=1M", "count=60"]), { cgroups }),
    );
    expect([hog.record.exitCode, hog.record.oomKilled]).toEqual([137, true]);
  } finally {
    await group.kill();
    await group.remove();
  }
});

test("a full disk costs log lines, neither the container nor its exit code", async () => {
  const directory = fixture.path("full");
  mkdirSync(directory);
  expect(spawnSync("mount", ["-t", "tmpfs", "-o", "size=64k", "none", directory]).status).toBe(0);
  try {
    const log = { directory, maxSizeBytes: 10_000_000, maxFiles: 2 };
    const exitPath = join(directory, "exit.json");
    const { record, stdout } = await fixture.run(fixture.plan(fixture.spec(sh("seq 1 20000; exit 3"))), {
      log,
      exitPath,
    });
    // For a daemon that was away meanwhile.
    expect(readExitRecord(exitPath)).toEqual(record);
    expect(readdirSync(directory).filter((name) => name.endsWith(".tmp"))).toEqual([]);
    expect([record.exitCode, stdout.trimEnd().split("\n").length]).toEqual([3, 20000]);
    let lines = 0;
    for await (const entry of readLog(() => directory)) {
      lines++;
      expect(Buffer.from(entry.bytes).toString()).toBe(`${lines}\n`);
      if (lines > 100) break;
    }
  } finally {
    // The monitor has the folder open until its last client has gone.
    expect(spawnSync("umount", ["--lazy", directory]).status).toBe(0);
  }
});

test("extra devices and the default ones work, others are not there", async () => {
  const devices = [{ path: "/dev/mine", type: "c" as const, major: 1, minor: 5, fileMode: 0o600, uid: 5, gid: 6 }];
  const spec = fixture.spec(
    sh(
      "stat -c '%a %u %g %t %T' /dev/mine; head -c 3 /dev/mine | wc -c; echo x > /dev/null; head -c 4 /dev/urandom | wc -c; ls /dev | tr '\\n' ' '",
    ),
  );
  const { stdout } = await fixture.run(fixture.plan({ ...spec, linux: { ...spec.linux, devices } }));
  expect(stdout.split("\n").slice(0, 3)).toEqual(["600 5 6 1 5", "3", "4"]);
});

test("a client that speaks nonsense is dropped, and changes nothing for the others", async () => {
  const options = fixture.options(fixture.plan(fixture.spec(["sleep", "100"])));
  const monitor = await fixture.launch(options);
  await monitor.start();
  const socket = createConnection({ path: options.socketPath });
  socket.on("error", () => {});
  socket.resume();
  await once(socket, "connect");
  const closed = once(socket, "close");
  socket.write(Buffer.alloc(64, 0xff));
  await closed;
  const many = Array.from({ length: 40 }, () => {
    const extra = createConnection({ path: options.socketPath });
    extra.on("error", () => {});
    return extra;
  });
  await Promise.all(many.map((extra) => once(extra, "connect").catch(() => {})));
  for (const extra of many) extra.destroy();
  process.kill(monitor.init.pid, "SIGKILL");
  expect((await monitor.exited).exitCode).toBe(137);
});

test("an idle monitor stays small", async () => {
  const monitor = await fixture.launch(fixture.options(fixture.plan(fixture.spec(["sleep", "100"]))));
  await monitor.start();
  const status = readFileSync(`/proc/${monitor.monitor.pid}/status`, "utf8");
  const kilobytes = Number(/VmRSS:\s*(\d+)/.exec(status)?.[1]);
  expect(kilobytes).toBeLessThan(1024);
});
