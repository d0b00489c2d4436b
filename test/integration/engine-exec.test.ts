import { afterAll, beforeAll, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { detectCgroups } from "../../src/linux/cgroupfs/index.ts";
import { EngineFixture } from "./engine-fixture.ts";

let fixture: EngineFixture;
let id: string;
beforeAll(async () => {
  fixture = await EngineFixture.open();
  ({ id } = await fixture.engine.create(
    {
      image: "box",
      command: ["sleep", "100"],
      network: { mode: "none" },
      env: ["FROM=container"],
      workingDirectory: "/tmp",
    },
    {},
  ));
  await fixture.engine.start(id);
});
afterAll(async () => {
  await fixture[Symbol.asyncDispose]();
});

test("runs beside the container's process, in its namespaces, with its environment and limits", async () => {
  const { stdout, exitCode } = await fixture.exec(
    id,
    ["sh", "-c", "echo $FROM $MORE $HOME; pwd; ps | grep -c 'sleep 10[0]'; exit 9"],
    {
      env: ["MORE=exec"],
    },
  );
  expect(stdout).toMatch(/^container exec \/root\n\/tmp\n1\n$/);
  expect(exitCode).toBe(9);
});

test("another user, another folder", async () => {
  const { stdout } = await fixture.exec(id, ["sh", "-c", "id -un; pwd; grep CapEff /proc/self/status"], {
    user: "bob",
    workingDirectory: "/etc",
  });
  expect(stdout).toBe("bob\n/etc\nCapEff:\t0000000000000000\n");
});

test.skipIf(detectCgroups().mode !== "v2")(
  "in a container that has divided its group, beside its first process",
  async () => {
    const divide = "mkdir init && echo 1 >init/cgroup.procs && echo +pids >cgroup.subtree_control";
    const divided = await fixture.engine.create(
      {
        image: "box",
        command: ["sh", "-c", `cd /sys/fs/cgroup && ${divide} && exec sleep 100`],
        network: { mode: "none" },
        security: { privileged: true },
      },
      {},
    );
    await fixture.engine.start(divided.id);
    const { pid } = fixture.engine.inspect(divided.id).state;
    const isSleep = (): boolean => readFileSync(`/proc/${pid}/comm`, "utf8") === "sleep\n";
    while (!isSleep()) await Bun.sleep(5);
    expect((await fixture.exec(divided.id, ["cat", "/proc/self/cgroup"])).stdout).toBe("0::/init\n");
    await fixture.engine.remove(divided.id, { force: true });
  },
);

test("an exec's start is told before its end, however short it is", async () => {
  const { length } = fixture.events();
  await fixture.exec(id, ["true"]);
  const told = fixture.events().slice(length);
  expect(told.map((event) => /exec_[a-z]+/.exec(event)?.[0])).toEqual(["exec_create", "exec_start", "exec_die"]);
});

test("a missing program is 127 with Docker's sentence, one that cannot be executed 126", async () => {
  const missing = await fixture.engine.createExec(id, { command: ["nonesuch"] });
  const failure = fixture.engine.startExec(missing.id);
  await expect(failure).rejects.toMatchObject({ exitCode: 127 });
  await expect(failure).rejects.toThrow('exec: "nonesuch": executable file not found in $PATH');
  expect(fixture.engine.inspectExec(missing.id)).toMatchObject({ running: false, exitCode: 127 });
  const denied = await fixture.engine.createExec(id, { command: ["/etc/noexec"] });
  await expect(fixture.engine.startExec(denied.id)).rejects.toMatchObject({ exitCode: 126 });
});

test("a container that swaps its /etc/passwd for a FIFO, a device, a way out or nonsense cannot hang or mislead an exec", async () => {
  for (const how of [
    "mknod /etc/passwd p",
    "mknod /etc/passwd c 10 130",
    "mkdir /etc/passwd",
    "ln -s /proc/1/root/etc/passwd /etc/passwd",
    "ln -s ../../../../../../etc/hostname /etc/passwd",
  ]) {
    await fixture.exec(id, ["sh", "-c", `mv /etc/passwd /etc/saved; ${how}`]);
    const exec = await fixture.engine.createExec(id, { command: ["true"], user: "bob" });
    const failure = fixture.engine.startExec(exec.id);
    await expect(failure).rejects.toThrow("unable to find user bob");
    await expect(failure).rejects.toMatchObject({ exitCode: 126 });
    const repair = await fixture.exec(id, ["sh", "-c", "rm -r /etc/passwd; mv /etc/saved /etc/passwd"]);
    expect(repair.exitCode).toBe(0);
  }
});

test("runs once, is listed while it runs, and ends with its container", async () => {
  const exec = await fixture.engine.createExec(id, { command: ["sleep", "50"] });
  await fixture.engine.startExec(exec.id, { detach: true });
  await expect(fixture.engine.startExec(exec.id)).rejects.toThrow("has already run");
  expect(fixture.engine.inspect(id).execIds).toContain(exec.id);
  await fixture.engine.kill(id);
  expect(fixture.engine.inspect(id).execIds).toEqual([]);
  await expect(fixture.engine.createExec(id, { command: ["true"] })).rejects.toThrow(`container ${id} is not running`);
});
