import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isProfileLoaded } from "../../src/linux/security/load-profile.ts";
import { readSecurityFacts } from "../../src/linux/security/security-facts.ts";
import { planExec } from "../../src/runtime/plan/index.ts";
import { findProgram } from "../support/command.ts";
import { EngineFixture } from "./engine-fixture.ts";
import { RuncBundle } from "./runc-bundle.ts";
import { Fixture } from "./supervise-fixture.ts";

const security = readSecurityFacts();
if (!security.apparmor) console.log("skipped: AppArmor is not enabled in this kernel (npm run test:vm has one)");

const PROFILE = `gantry-test-${process.pid}`;
const PROFILE_TEXT = `profile ${PROFILE} flags=(attach_disconnected) {
  file, capability, mount, umount, network, signal, ptrace,
  deny /secret r,
}`;
const hasRunc = findProgram("runc") !== undefined;
const sh = (script: string): string[] => ["sh", "-c", script];

function parser(action: "--replace" | "--remove"): void {
  const { status, stderr } = spawnSync("/sbin/apparmor_parser", ["--skip-cache", action], {
    input: PROFILE_TEXT,
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(stderr);
}

describe.if(security.apparmor)("a container's AppArmor profile", () => {
  let engine: EngineFixture;
  beforeAll(async () => {
    engine = await EngineFixture.open();
    parser("--replace");
  });
  afterAll(async () => {
    parser("--remove");
    await engine[Symbol.asyncDispose]();
  });

  const script = "cat /proc/self/attr/current; mount -t tmpfs none /mnt && echo mounted";
  /** All that stands in the way is the profile. */
  const open = { capAdd: ["SYS_ADMIN"], seccomp: "unconfined" };

  test("is Gantry's own, loaded by it, and refuses what that refuses", async () => {
    const { id, stdout, stderr } = await engine.run({ command: sh(`mkdir -p /mnt; ${script}`), security: open });
    expect(isProfileLoaded("gantry-default")).toBe(true);
    expect(stdout).toBe("gantry-default (enforce)\n");
    expect(stderr).toMatch(/mount: .*[Pp]ermission denied/);
    expect(engine.engine.inspect(id).confinement?.appArmorProfile).toBe("gantry-default");
  });

  test.each([
    ["unconfined", { ...open, appArmorProfile: "unconfined" }],
    ["privileged", { privileged: true }],
  ])("may be none: %s", async (_name, asked) => {
    const { id, stdout } = await engine.run({ command: sh(`mkdir -p /mnt; ${script}`), security: asked });
    expect(stdout).toBe("unconfined\nmounted\n");
    expect(engine.engine.inspect(id).confinement?.appArmorProfile).toBe("unconfined");
  });

  test("may be another; exec and what runs below an init have it too", async () => {
    const asked = { ...open, appArmorProfile: PROFILE };
    const read = sh("echo x > /secret; cat /proc/self/attr/current /secret");
    const denied = "cat: can't open '/secret': Permission denied\n";
    const { stdout, stderr } = await engine.run({ command: read, security: asked, init: true });
    expect([stdout, stderr]).toEqual([`${PROFILE} (enforce)\n`, denied]);
    // The init itself too, or the program could not send it a signal.
    const below = await engine.run({ command: sh("cat /proc/1/attr/current; kill -USR1 1"), init: true });
    expect([below.stdout, below.stderr]).toEqual(["gantry-default (enforce)\n", ""]);
    const { id } = await engine.engine.create(
      {
        image: "box",
        command: ["sleep", "100"],
        network: { mode: "none" },
        security: asked,
      },
      {},
    );
    await engine.engine.start(id);
    expect((await engine.exec(id, read)).stdout).toBe(`${PROFILE} (enforce)\n`);
    await engine.engine.remove(id, { force: true });
  });

  test("that is not loaded is told in one sentence, and nothing is left", async () => {
    const running = engine.run({ command: ["true"], security: { appArmorProfile: "nobodys" } }, { name: "missing" });
    await expect(running).rejects.toThrow(
      'process.apparmorProfile: cannot apply the AppArmor profile "nobodys": no such profile is loaded',
    );
    await engine.engine.remove("missing");
  });

  test("is that of a later start, when somebody has unloaded it", async () => {
    const { id } = await engine.engine.create({ image: "box", command: ["true"], network: { mode: "none" } }, {});
    spawnSync("/sbin/apparmor_parser", ["--remove"], { input: "profile gantry-default { }" });
    expect(isProfileLoaded("gantry-default")).toBe(false);
    await engine.engine.start(id);
    expect(isProfileLoaded("gantry-default")).toBe(true);
  });
});

describe.if(security.apparmor)("a profile is not evaded", () => {
  let fixture: Fixture;
  beforeAll(() => {
    fixture = new Fixture();
    parser("--replace");
  });
  afterAll(async () => {
    parser("--remove");
    await fixture[Symbol.asyncDispose]();
  });

  const FAKE = "self/attr/apparmor thread-self/attr/apparmor".split(" ");
  const refused = "cat: can't open '/secret': Permission denied\n";

  test("by what runc does not allow either: both say the same on one bundle", async () => {
    const bundle = new RuncBundle(fixture.path("bundle"), fixture.path("lower"));
    writeFileSync(join(bundle.rootfs, "secret"), "x");
    const spec = fixture.spec(sh("cat /proc/self/attr/current /secret"), {}, { apparmorProfile: PROFILE });
    const plan = fixture.plan(spec, { rootfs: { type: "bind", path: bundle.rootfs }, security });
    const { stdout, stderr } = await fixture.run(plan);
    expect([stdout, stderr]).toEqual([`${PROFILE} (enforce)\n`, refused]);
    if (hasRunc) expect(bundle.run(spec)).toEqual({ stdout, stderr });
    const missing = { ...spec, process: fixture.process(["true"], { apparmorProfile: "nobodys" }) };
    if (hasRunc) expect(bundle.run(missing).stderr).toContain("unable to apply apparmor profile");
  });

  test("by an image with a folder for /proc, or a link to one (CVE-2023-28642)", async () => {
    for (const name of ["folder", "link"]) {
      const image = fixture.path(name);
      spawnSync("cp", ["-a", fixture.path("lower"), image]);
      writeFileSync(join(image, "secret"), "x");
      if (name === "link") {
        spawnSync("rmdir", [join(image, "proc")]);
        symlinkSync("fake", join(image, "proc"));
      }
      for (const below of FAKE) {
        mkdirSync(join(image, name === "link" ? "fake" : "proc", below), { recursive: true });
        writeFileSync(join(image, name === "link" ? "fake" : "proc", below, "exec"), "");
        writeFileSync(join(image, name === "link" ? "fake" : "proc", below, "../exec"), "");
      }
      const spec = fixture.spec(["cat", "/secret"], {}, { apparmorProfile: PROFILE });
      const mounts = (spec.mounts ?? []).filter(({ type }) => type !== "proc");
      const linux = { ...spec.linux, maskedPaths: [], readonlyPaths: [] };
      const plan = fixture.plan({ ...spec, mounts, linux }, { rootfs: { type: "bind", path: image }, security });
      expect((await fixture.run(plan)).stderr).toBe(refused);
    }
  });

  test("by a container that covers its /proc before an exec (CVE-2019-16884, CVE-2025-52881)", async () => {
    const cover = `for below in ${FAKE.join(" ")}; do mkdir -p /fake/$below; touch /fake/$below/exec /fake/$below/../exec; done
      echo x > /secret; mount -o bind /fake /proc && echo covered; sleep 100`;
    const spec = fixture.spec(sh(cover), {}, { apparmorProfile: PROFILE });
    const monitor = await fixture.launch(fixture.options(fixture.plan(spec, { security })));
    const attachment = await monitor.attach({ stdin: false, stdout: true, stderr: true });
    await monitor.start();
    for await (const { bytes } of attachment.output) {
      expect(Buffer.from(bytes).toString()).toBe("covered\n");
      break;
    }
    const { pid, startTime } = monitor.init;
    const exec = fixture.process(["cat", "/secret"], { apparmorProfile: PROFILE });
    const plan = planExec(exec, { pid, startTime, namespaces: ["mount", "pid"], cgroups: [], security });
    expect((await fixture.run(plan)).stderr).toBe(refused);
  });
});
