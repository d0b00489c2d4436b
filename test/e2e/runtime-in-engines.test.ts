import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { spawn, spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { skipReason } from "../support/command.ts";
import { until } from "../support/daemon.ts";
import { endChild } from "../support/end-child.ts";
import { PrivateMounts } from "../support/private-mounts.ts";
import { archiveSeed, busyboxSkipReason, seedBusybox } from "../support/seed-images.ts";

/** The runtime under test; set it to runc's path to see that the tests are right. */
const runtime = process.env.GANTRY_TEST_RUNTIME ?? join(import.meta.dir, "../../bin/gantry-runc");

interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** An engine of somebody else's that was told to use the runtime under test. */
interface Engine extends AsyncDisposable {
  call(...args: readonly string[]): Ended;
}

const folder = mkdtempSync(join(tmpdir(), "gantry-engines-"));
const archive = join(folder, "busybox.tar");
let mounts: PrivateMounts;

const reason = busyboxSkipReason() ?? skipReason({ root: true, programs: ["skopeo", "nsenter", "unshare"] });

beforeAll(async () => {
  if (reason !== undefined) return;
  await archiveSeed(await seedBusybox(), "docker-archive", archive, "docker.io/library/busybox:latest");
  mounts = await PrivateMounts.open();
});

afterAll(async () => {
  if (reason === undefined) await mounts[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

function run(command: readonly string[], environment: Readonly<Record<string, string>> = {}): Ended {
  const [file, ...args] = mounts.inside(command);
  const { status, stdout, stderr } = spawnSync(file, args, {
    encoding: "utf8",
    env: { ...process.env, ...environment },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: 60_000,
  });
  return { status, stdout, stderr };
}

/** Cgroups whose names hold an id, anywhere. */
function cgroupsOf(id: string): string[] {
  const names = readdirSync("/sys/fs/cgroup", { recursive: true, encoding: "utf8" });
  return names.filter((name) => name.includes(id) && !/\.[a-z_.]+$/.test(name));
}

function openPodman(): Engine {
  const place = join(folder, "podman");
  mkdirSync(place);
  // Without CAP_SYS_RESOURCE it cannot raise the limits that it takes for granted.
  const settings = join(place, "containers.conf");
  writeFileSync(settings, '[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]\n');
  const command = [
    ...["podman", "--root", join(place, "root"), "--runroot", join(place, "run"), "--runtime", runtime],
    ...["--cgroup-manager", "cgroupfs", "--events-backend", "file", "--storage-driver", "vfs"],
  ];
  const call = (...args: readonly string[]): Ended => run([...command, ...args], { CONTAINERS_CONF: settings });
  const loaded = call("load", "-q", "-i", archive);
  if (loaded.status !== 0) throw new Error(loaded.stderr);
  return {
    call,
    async [Symbol.asyncDispose]() {
      call("rm", "-f", "-a", "-t", "0");
      call("system", "reset", "-f");
    },
  };
}

async function startDaemon(command: readonly string[], isReady: () => boolean): Promise<AsyncDisposable> {
  const [file, ...args] = mounts.inside(command);
  const child = spawn(file, args, { stdio: ["ignore", "ignore", "pipe"] });
  let log = "";
  child.stderr?.on("data", (chunk: Buffer) => {
    log = `${log}${chunk}`.slice(-4000);
  });
  await until("the daemon answers", () => {
    if (child.exitCode !== null) throw new Error(log);
    return isReady();
  });
  return {
    [Symbol.asyncDispose]: () => endChild(child),
  };
}

async function openDocker(): Promise<Engine> {
  const place = join(folder, "docker");
  mkdirSync(place);
  const socket = `unix://${join(place, "sock")}`;
  const call = (...args: readonly string[]): Ended => run(["docker", "--host", socket, ...args]);
  const daemon = await startDaemon(
    [
      ...["dockerd", "--data-root", join(place, "data"), "--exec-root", join(place, "exec")],
      ...["--pidfile", join(place, "pid"), "--host", socket, "--bridge", "none", "--iptables=false"],
      ...["--storage-driver", "vfs", "--add-runtime", `tested=${runtime}`, "--default-runtime", "tested"],
    ],
    () => call("version").status === 0,
  );
  const loaded = call("load", "-q", "-i", archive);
  if (loaded.status !== 0) throw new Error(loaded.stderr);
  return {
    call,
    async [Symbol.asyncDispose]() {
      const ids = call("ps", "-aq").stdout.split("\n").filter(Boolean);
      if (ids.length > 0) call("rm", "-f", ...ids);
      await daemon[Symbol.asyncDispose]();
    },
  };
}

/** What podman and docker have in common, which is their command line. */
function engineTests(open: () => Promise<Engine> | Engine): void {
  let engine: Engine;
  beforeAll(async () => {
    engine = await open();
  }, 60_000);
  afterAll(async () => {
    await engine?.[Symbol.asyncDispose]();
  }, 60_000);

  test("run: output on both streams, the program's status, and nothing is left", () => {
    const script = "echo out; echo err >&2; exit 7";
    const ended = engine.call("run", "--rm", "--network", "none", "--name", "first", "busybox", "sh", "-c", script);
    expect(ended).toEqual({ status: 7, stdout: "out\n", stderr: "err\n" });
    expect(engine.call("ps", "-aq").stdout).toBe("");
  });

  test("what cannot be executed is told, with 127 and 126", () => {
    const missing = engine.call("run", "--rm", "--network", "none", "busybox", "no-such-program");
    expect(missing.status).toBe(127);
    expect(missing.stderr).toContain("no-such-program");
    expect(engine.call("run", "--rm", "--network", "none", "busybox", "/etc").status).toBe(126);
  });

  test("a container that goes on: exec, its limits, pause, stop, remove", () => {
    const flags = ["--network", "none", "--memory", "64m", "--pids-limit", "50", "--hostname", "inside"];
    const started = engine.call("run", "-d", ...flags, "busybox", "sh", "-c", "trap 'exit 3' TERM; sleep 1000 & wait");
    expect(started.stderr).toBe("");
    const id = started.stdout.trim();
    expect(id).toMatch(/^[0-9a-f]{64}$/);
    expect(engine.call("exec", id, "hostname").stdout).toBe("inside\n");
    expect(engine.call("exec", "--user", "65534", id, "sh", "-c", "id -u; exit 5")).toMatchObject({
      status: 5,
      stdout: "65534\n",
    });
    const [group] = cgroupsOf(id).filter((name) => name.startsWith("memory/") || !name.includes("/memory"));
    expect(group).toBeDefined();
    const limits = ["memory/", ""].flatMap((controller) =>
      ["memory.limit_in_bytes", "memory.max"].flatMap((file) =>
        cgroupsOf(id)
          .filter((name) => name.startsWith(controller))
          .map((name) => join("/sys/fs/cgroup", name, file))
          .filter(existsSync)
          .map((path) => readFileSync(path, "utf8").trim()),
      ),
    );
    expect(new Set(limits)).toEqual(new Set([String(64 << 20)]));
    expect(engine.call("pause", id).status).toBe(0);
    expect(engine.call("unpause", id).status).toBe(0);
    expect(engine.call("stop", "-t", "20", id).status).toBe(0);
    expect(engine.call("wait", id).stdout).toBe("3\n");
    expect(engine.call("rm", id).status).toBe(0);
    expect(cgroupsOf(id)).toEqual([]);
  });

  test("a terminal", async () => {
    const script = "tty; [ -t 0 ] && [ -t 1 ] && [ -t 2 ] && echo all; ls -l /dev/console; sleep 1000";
    const started = engine.call("run", "-d", "-t", "--network", "none", "busybox", "sh", "-c", script);
    expect(started.stderr).toBe("");
    const id = started.stdout.trim();
    const logs = (): string => engine.call("logs", id).stdout;
    await until("it has printed", () => logs().includes("/dev/console"));
    expect(logs()).toMatch(/^\/dev\/(pts\/0|console)\r?\nall\r?\nc/);
    expect(engine.call("kill", id).status).toBe(0);
    expect(engine.call("rm", "-f", id).status).toBe(0);
  });
}

const noPodman = reason ?? skipReason({ root: true, programs: ["podman", "conmon"] });
describe.skipIf(noPodman !== undefined)("podman over gantry-runc", () => engineTests(openPodman));

const noDocker = reason ?? skipReason({ root: true, programs: ["dockerd", "docker", "containerd"] });
describe.skipIf(noDocker !== undefined)("dockerd over gantry-runc", () => engineTests(openDocker));

const noContainerd = reason ?? skipReason({ root: true, programs: ["containerd", "ctr"] });
describe.skipIf(noContainerd !== undefined)("containerd over gantry-runc", () => {
  let daemon: AsyncDisposable;
  const place = join(folder, "containerd");
  const socket = join(place, "sock");
  // Its name is that of a cgroup, which containerd leaves to whoever made it.
  const namespace = `gantry-test-${process.pid}`;
  const ctr = (...args: readonly string[]): Ended => run(["ctr", "--address", socket, "-n", namespace, ...args]);

  beforeAll(async () => {
    mkdirSync(place);
    const config = join(place, "config.toml");
    const lines = ["version = 2", 'disabled_plugins = ["io.containerd.grpc.v1.cri"]'];
    lines.push(`root = "${place}/root"`, `state = "${place}/state"`, "[grpc]", `address = "${socket}"`);
    writeFileSync(config, `${lines.join("\n")}\n`);
    daemon = await startDaemon(["containerd", "--config", config], () => ctr("version").status === 0);
    const imported = ctr("images", "import", "--snapshotter", "native", archive);
    if (imported.status !== 0) throw new Error(imported.stderr);
  }, 60_000);

  afterAll(async () => {
    ctr("tasks", "delete", "--force", "lasting");
    ctr("containers", "delete", "lasting");
    await daemon?.[Symbol.asyncDispose]();
    const own = cgroupsOf(namespace).filter((name) => name.endsWith(namespace));
    for (const name of own) rmdirSync(join("/sys/fs/cgroup", name));
  }, 60_000);

  const flags = ["--runc-root", join(place, "runc"), "--runc-binary", runtime, "--snapshotter", "native"];
  const image = "docker.io/library/busybox:latest";

  test("ctr run, exec, kill, delete", async () => {
    expect(ctr("run", "--rm", ...flags, image, "once", "sh", "-c", "echo out; exit 7")).toMatchObject({
      status: 7,
      stdout: "out\n",
    });
    expect(ctr("run", "-d", ...flags, image, "lasting", "sleep", "1000").stderr).toBe("");
    expect(ctr("tasks", "exec", "--exec-id", "e", "lasting", "echo", "inside").stdout).toBe("inside\n");
    expect(ctr("tasks", "pause", "lasting").status).toBe(0);
    expect(ctr("tasks", "resume", "lasting").status).toBe(0);
    expect(ctr("tasks", "kill", "--signal", "SIGKILL", "lasting").status).toBe(0);
    await until("it has ended", () => ctr("tasks", "ls").stdout.includes("STOPPED"));
    expect(ctr("tasks", "delete", "lasting").status).toBe(0);
    expect(ctr("containers", "delete", "lasting").status).toBe(0);
    expect(cgroupsOf("lasting")).toEqual([]);
  });
});
