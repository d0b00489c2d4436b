import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, readlinkSync, symlinkSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import type { Mount } from "../../src/oci/runtime-spec.ts";
import { planExec } from "../../src/runtime/plan/index.ts";
import { Fixture } from "./supervise-fixture.ts";

let fixture: Fixture;
beforeAll(() => {
  fixture = new Fixture();
});
afterAll(() => fixture[Symbol.asyncDispose]());

const sh = (script: string): string[] => ["sh", "-c", script];

/** Mounts on the host, undone at the end of the test, the last one first. */
class HostMounts implements Disposable {
  readonly #targets: string[] = [];

  mount(target: string, ...args: string[]): void {
    const { status, stderr } = spawnSync("mount", [...args, target], { encoding: "utf8" });
    if (status !== 0) throw new Error(stderr);
    this.#targets.push(target);
  }

  [Symbol.dispose](): void {
    for (const target of this.#targets.reverse()) spawnSync("umount", ["--lazy", target]);
  }
}

/** The domain name of a process's UTS namespace, by the host's procfs. */
function domainName(pid: number): string {
  return spawnSync("nsenter", [`--uts=/proc/${pid}/ns/uts`, "cat", "/proc/sys/kernel/domainname"], { encoding: "utf8" })
    .stdout;
}

/** A container that sets kernel.domainname and an OOM score, with this instead of a /proc of its own, and its first two lines. */
async function start(script: string, options: { readonly mount?: Mount; readonly image?: string }) {
  const spec = fixture.spec(
    sh(script),
    {
      // Else it would be set after the sysctls.
      hostname: "",
      linux: {
        namespaces: (["pid", "network", "ipc", "uts", "mount"] as const).map((type) => ({ type })),
        sysctl: { "kernel.domainname": "for-the-kernel" },
      },
    },
    { oomScoreAdj: 321 },
  );
  const mounts = [options.mount ?? [], ...(spec.mounts ?? []).filter(({ type }) => type !== "proc")].flat();
  const plan = fixture.plan(
    { ...spec, mounts },
    { rootfs: { type: "bind", path: options.image ?? fixture.path("lower") } },
  );
  const monitor = await fixture.launch(fixture.options(plan));
  const attachment = await monitor.attach({ stdin: false, stdout: true, stderr: true });
  await monitor.start();
  let text = "";
  for await (const { bytes } of attachment.output) {
    text += Buffer.from(bytes).toString();
    if (text.split("\n").length > 2) break;
  }
  return { monitor, text };
}

describe("what is written to /proc gets to the kernel's own file", () => {
  test("a container that covers its /proc with a folder does not get what exec writes (CVE-2025-52881)", async () => {
    const script = `mkdir -p /fake/self /fake/thread-self; echo mine > /fake/self/oom_score_adj
      echo mine > /fake/thread-self/oom_score_adj; mount -o bind /fake /proc && echo covered; sleep 100`;
    const monitor = await fixture.launch(fixture.options(fixture.plan(fixture.spec(sh(script)))));
    const attachment = await monitor.attach({ stdin: false, stdout: true, stderr: false });
    await monitor.start();
    const [first] = await Array.fromAsync(take(attachment.output, 1));
    expect(Buffer.from(first?.bytes ?? []).toString()).toBe("covered\n");
    const { pid, startTime } = monitor.init;
    const process = fixture.process(["cat", "/proc/self/oom_score_adj"], { oomScoreAdj: 321 });
    const plan = planExec(process, { pid, startTime, namespaces: ["mount", "pid"], cgroups: [] });
    const exec = await fixture.launch(fixture.options(plan));
    const output = await exec.attach({ stdin: false, stdout: true, stderr: true });
    const chunks = Array.fromAsync(output.output);
    await exec.start();
    expect((await chunks).map(({ bytes }) => Buffer.from(bytes).toString())).toEqual(["mine\n"]);

    const sleeper = await fixture.launch(
      fixture.options(
        planExec({ ...process, args: ["sleep", "100"] }, { pid, startTime, namespaces: ["mount"], cgroups: [] }),
      ),
    );
    await sleeper.ready();
    await sleeper.start();
    expect(readFileSync(`/proc/${sleeper.init.pid}/oom_score_adj`, "utf8")).toBe("321\n");
  });

  test("a file of procfs that lies over another one does not get the sysctl (CVE-2025-52881)", async () => {
    using host = new HostMounts();
    const proc = fixture.path("redirected-proc");
    mkdirSync(proc);
    host.mount(proc, "-t", "proc", "proc");
    host.mount(join(proc, "sys/kernel/domainname"), "--bind", join(proc, "sys/kernel/hostname"));
    const script = "hostname; cat /proc/sys/kernel/domainname; sleep 100";
    const bind = { destination: "/proc", type: "bind", source: proc, options: ["rbind"] };
    const { monitor, text } = await start(script, { mount: bind });
    expect(text).toBe(`${hostname()}\n${hostname()}\n`);
    expect(domainName(monitor.init.pid)).toBe("for-the-kernel\n");
  });

  test("an image whose /proc is a link to a folder of its own does not get what init writes (CVE-2023-28642)", async () => {
    const image = fixture.path("linked");
    spawnSync("cp", ["-a", fixture.path("lower"), image]);
    spawnSync("rmdir", [join(image, "proc")]);
    symlinkSync("fake", join(image, "proc"));
    for (const name of ["self", "thread-self", "sys/kernel"]) mkdirSync(join(image, "fake", name), { recursive: true });
    for (const name of ["self/oom_score_adj", "thread-self/oom_score_adj", "sys/kernel/domainname"])
      writeFileSync(join(image, "fake", name), "mine\n");
    const script = "cat /proc/self/oom_score_adj /proc/sys/kernel/domainname; sleep 100";
    const { monitor, text } = await start(script, { image });
    expect(text).toBe("mine\nmine\n");
    expect(domainName(monitor.init.pid)).toBe("for-the-kernel\n");
    expect(readFileSync(`/proc/${monitor.init.pid}/oom_score_adj`, "utf8")).toBe("321\n");
  });
});

test("where the kernel gives out no other procfs, nothing that covers a file of the container's own is written to", async () => {
  // The masks come from outside of the user namespace, which cannot take them off.
  const outer = `mount -t tmpfs none /proc/fs && mount --bind /proc/sys/kernel/hostname /proc/sys/kernel/domainname &&
    exec unshare --user --mount sh -c 'read go && exec "$@"' sh "$@"`;
  const program = [process.execPath, join(import.meta.dirname, "procfs-child.ts")];
  const child = Bun.spawn(["unshare", "--mount", "sh", "-c", outer, "sh", ...program], {
    stdio: ["pipe", "pipe", "pipe"],
  });
  const own = readlinkSync("/proc/self/ns/user");
  while (readlinkSync(`/proc/${child.pid}/ns/user`) === own) await Bun.sleep(2);
  for (const map of ["uid_map", "gid_map"]) writeFileSync(`/proc/${child.pid}/${map}`, "0 0 65536\n");
  child.stdin.write("go\n");
  child.stdin.end();
  const [stdout, stderr] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  expect([stdout, stderr]).toEqual([
    "321\ncannot set the sysctl kernel.domainname: EXDEV: cross-device link not permitted\n",
    "",
  ]);
});

describe("nothing of an image lies over the kernel's files (CVE-2019-16884)", () => {
  const failing = async (mounts: readonly Mount[], rootfs = fixture.path("lower")) => {
    const spec = fixture.spec(["true"]);
    // Instead of the /proc that a container has otherwise.
    const replaced = mounts.some(({ destination }) => destination === "/proc") ? "proc" : "";
    const all = [...(spec.mounts ?? []).filter(({ type }) => type !== replaced), ...mounts];
    const monitor = await fixture.launch(
      fixture.options(fixture.plan({ ...spec, mounts: all }, { rootfs: { type: "bind", path: rootfs } })),
    );
    return await monitor.ready().then(
      () => "it was mounted",
      (error: Error) => error.message,
    );
  };

  test("a volume for /proc", async () => {
    mkdirSync(fixture.path("volume/self/attr"), { recursive: true });
    const mount = { destination: "/proc", type: "bind", source: fixture.path("volume"), options: ["rbind"] };
    expect(await failing([mount])).toContain('on "/proc": it is no proc file system');
  });

  test("a volume for what a link of the image brings into /proc", async () => {
    const image = fixture.path("into-proc");
    spawnSync("cp", ["-a", fixture.path("lower"), image]);
    symlinkSync("/proc/self/attr", join(image, "data"));
    const mount = { destination: "/data", source: fixture.path("volume"), options: ["rbind"] };
    expect(await failing([{ ...mount, type: "bind" }], image)).toContain("the target is inside of /proc");
    expect(await failing([{ ...mount, type: "tmpfs", source: "tmpfs", options: [] }], image)).toContain(
      "the target is inside of /proc",
    );
  });
});

async function* take<T>(from: AsyncIterable<T>, count: number): AsyncGenerator<T> {
  let taken = 0;
  for await (const one of from) {
    yield one;
    if (++taken >= count) return;
  }
}
