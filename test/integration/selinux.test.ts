import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ContainerConfig } from "../../src/engine/container/container-config.ts";
import { labelOf, relabel } from "../../src/linux/security/relabel.ts";
import { readSecurityFacts } from "../../src/linux/security/security-facts.ts";
import { findProgram } from "../support/command.ts";
import { buildProbe } from "../support/probe.ts";
import { EngineFixture } from "./engine-fixture.ts";
import { RuncBundle } from "./runc-bundle.ts";
import { Fixture } from "./supervise-fixture.ts";

const security = readSecurityFacts();
if (!security.selinux) console.log("skipped: SELinux is not enabled in this kernel (npm run test:vm has one)");

const sh = (script: string): string[] => ["sh", "-c", script];
const NAMESPACES = (["pid", "network", "ipc", "uts", "mount"] as const).map((type) => ({ type }));
const OWN = "cat /proc/self/attr/current; echo";

describe.if(security.selinux)("a container's SELinux label", () => {
  let fixture: EngineFixture;
  let folder: string;
  beforeAll(async () => {
    fixture = await EngineFixture.open();
  });
  afterAll(() => fixture[Symbol.asyncDispose]());

  const create = async (config: Partial<ContainerConfig>): Promise<string> => {
    const { id } = await fixture.engine.create(
      {
        image: "box",
        command: ["sleep", "100"],
        network: { mode: "none" },
        ...config,
      },
      {},
    );
    return id;
  };
  const labelsOf = (id: string) => fixture.engine.inspect(id).confinement;
  const bind = (relabel?: "shared" | "private", source = folder): ContainerConfig["mounts"] => [
    {
      type: "bind",
      source,
      target: "/data/deep",
      readOnly: false,
      createSource: true,
      ...(relabel === undefined ? {} : { relabel }),
    },
  ];
  const using = <T>(body: () => Promise<T>): (() => Promise<void>) => {
    return async () => {
      folder = mkdtempSync("/tmp/gantry-selinux-");
      mkdirSync(join(folder, "below"));
      writeFileSync(join(folder, "below/file"), "content\n");
      await body();
      rmSync(folder, { recursive: true, force: true });
    };
  };

  test("has the policy's type and categories of its own, which it keeps", async () => {
    const ids = [await create({}), await create({})];
    for (const id of ids) {
      await fixture.engine.start(id);
      const { processLabel = "", mountLabel = "" } = labelsOf(id) ?? {};
      const [, level] = /^system_u:system_r:container_t:(s0:c\d+,c\d+)$/.exec(processLabel) ?? [];
      expect(mountLabel).toBe(`system_u:object_r:container_file_t:${level}`);
      const said = await fixture.exec(
        id,
        sh(`${OWN}; cat /etc/hosts > /tmp/x && wc -l < /etc/hostname; ls -d /dev/shm`),
      );
      expect(said.stdout.replace(/\0/g, "")).toBe(`${processLabel}\n1\n/dev/shm\n`);
      await fixture.engine.restart(id, { timeoutSeconds: 0 });
      expect(labelsOf(id)?.processLabel).toBe(processLabel);
    }
    expect(labelsOf(ids[0] ?? "")?.processLabel).not.toBe(labelsOf(ids[1] ?? "")?.processLabel);
  });

  test("is that of its init too, which stays beside the program", async () => {
    const id = await create({ init: true });
    await fixture.engine.start(id);
    const { stdout } = await fixture.exec(id, sh("cat /proc/1/attr/current /proc/1/comm"));
    expect(stdout.replace(/\0/g, "")).toBe(`${labelsOf(id)?.processLabel}gantry-init\n`);
  });

  test(
    "keeps it from files of the host and of other containers",
    using(async () => {
      const read = sh("cat /data/deep/below/file");
      const denied = "cat: can't open '/data/deep/below/file': Permission denied\n";
      expect((await fixture.run({ command: read, mounts: bind() })).stderr).toBe(denied);
      const own = await create({ mounts: bind("private") });
      await fixture.engine.start(own);
      expect((await fixture.exec(own, read)).stdout).toBe("content\n");
      expect(labelOf(join(folder, "below/file"))).toBe(labelsOf(own)?.mountLabel ?? "");
      expect((await fixture.run({ command: read, mounts: bind() })).stderr).toBe(denied);
    }),
  );

  test(
    "z shares a folder among containers, volumes are shared by themselves",
    using(async () => {
      const script = sh("cat /data/deep/below/file; echo more >> /data/deep/below/file");
      expect((await fixture.run({ command: script, mounts: bind("shared") })).stdout).toBe("content\n");
      expect((await fixture.run({ command: script, mounts: bind() })).stdout).toBe("content\nmore\n");
      const volume = { type: "volume", name: "shared", target: "/data", readOnly: false } as const;
      const both = { command: sh("cat /data/file; echo more >> /data/file"), mounts: [volume] };
      expect((await fixture.run(both)).stdout).toBe("from the image\n");
      expect((await fixture.run(both)).stdout).toBe("from the image\nmore\n");
    }),
  );

  test("what the host needs is not relabelled", async () => {
    for (const path of ["/", "/usr", "/etc/", "/tmp/../var"])
      await expect(create({ mounts: bind("shared", path) })).rejects.toThrow("SELinux relabeling of /");
    expect(labelOf("/usr")).toBe("system_u:object_r:usr_t:s0");
  });

  test.each([
    ["privileged", { privileged: true }],
    ["label=disable", { labels: ["disable"] }],
  ])("may be one that is not confined: %s", async (_name, asked) => {
    folder = mkdtempSync("/tmp/gantry-selinux-");
    writeFileSync(join(folder, "file"), "content\n");
    const command = sh(`${OWN}; cat /data/deep/file`);
    const { stdout } = await fixture.run({ command, mounts: bind(), security: asked });
    rmSync(folder, { recursive: true });
    expect(stdout.replace(/\0/g, "")).toBe("system_u:system_r:spc_t:s0\ncontent\n");
  });

  test("is chosen part by part; one that the policy does not have is told in one sentence", async () => {
    const security = { labels: ["level:s0:c7", "filetype:container_ro_file_t"] };
    const { id, stdout, stderr } = await fixture.run({ command: sh(`${OWN}; echo > /x`), security });
    expect(stdout.replace(/\0/g, "")).toBe("system_u:system_r:container_t:s0:c7\n");
    expect(labelsOf(id)?.mountLabel).toBe("system_u:object_r:container_ro_file_t:s0:c7");
    expect(stderr).toContain("/x: Permission denied");
    await expect(fixture.run({ command: ["true"], security: { labels: ["type:nobody_t"] } })).rejects.toThrow(
      "the loaded policy has no such label",
    );
  });

  test("is that of the container whose processes or memory it shares", async () => {
    const first = await create({ namespaces: { ipc: "shareable" } });
    await fixture.engine.start(first);
    for (const namespaces of [{ pid: `container:${first}` }, { ipc: `container:${first}` }]) {
      const { stdout, stderr } = await fixture.run({ command: sh(`${OWN}; echo x > /dev/shm/x`), namespaces });
      expect([stdout.replace(/\0/g, ""), stderr]).toEqual([`${labelsOf(first)?.processLabel}\n`, ""]);
    }
  });

  test("reaches all that is mounted for it: queues, masks, shared memory, the terminal", async () => {
    const script =
      "ls /dev/mqueue /proc/acpi /sys/firmware; echo x > /dev/shm/x && cat /dev/shm/x; echo tty > /dev/tty";
    const { stdout, stderr } = await fixture.run({ command: sh(script), tty: true });
    expect([stdout.replace(/\r/g, ""), stderr]).toEqual([
      "/dev/mqueue:\n\n/proc/acpi:\n\n/sys/firmware:\nx\ntty\n",
      "",
    ]);
  });

  test("no warning is left of all that", () => {
    expect(fixture.warnings).toEqual([]);
  });
});

describe.if(security.selinux)("a specification's labels", () => {
  let fixture: Fixture;
  beforeAll(() => {
    fixture = new Fixture();
  });
  afterAll(() => fixture[Symbol.asyncDispose]());

  test("are what runc gives on the same bundle", async () => {
    const bundle = new RuncBundle(fixture.path("bundle"), fixture.path("lower"));
    const mountLabel = "system_u:object_r:container_file_t:s0:c3,c4";
    copyFileSync(await buildProbe(fixture.directory), join(bundle.rootfs, "probe"));
    await relabel(bundle.rootfs, mountLabel);
    const script = `${OWN}; cat /proc/self/attr/keycreate; grep -o 'context="[^"]*"' /proc/mounts; touch /dev/shm/x /tmp/x; ls /proc/acpi
      /probe call 'session-keyring 250 0 -3 0'`;
    const spec = fixture.spec(
      sh(script),
      { linux: { namespaces: NAMESPACES, mountLabel, maskedPaths: ["/proc/acpi"] } },
      { selinuxLabel: "system_u:system_r:container_t:s0:c3,c4" },
    );
    const { stdout, stderr } = await fixture.run(
      fixture.plan(spec, { rootfs: { type: "bind", path: bundle.rootfs }, security }),
    );
    expect(stderr).toBe("");
    expect(stdout).toStartWith("system_u:system_r:container_t:s0:c3,c4\0\n");
    expect(stdout.split("\n").filter((line) => line === `context="${mountLabel}"`).length).toBe(4);
    // Another's label would keep it from its own keyring.
    expect(stdout).toEndWith("session-keyring ok\n");
    if (findProgram("runc") !== undefined) expect(bundle.run(spec)).toEqual({ stdout, stderr });
  });
});
