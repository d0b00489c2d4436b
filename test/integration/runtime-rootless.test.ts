import { describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, rmdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { detectCgroups } from "../../src/linux/cgroupfs/index.ts";
import type { IdMapping } from "../../src/oci/runtime-spec.ts";
import { otherUserSkipReason } from "../support/other-user.ts";
import { RUNTIMES, RuntimeBundle, runtimeSkipReason } from "../support/runtime-bundle.ts";

const UID = 54_321;
const NAME = "gantry-rootless";
const OWN: IdMapping = { containerID: 0, hostID: UID, size: 1 };
const RANGE: IdMapping = { containerID: 1, hostID: 700_000, size: 65_536 };
const KINDS = ["pid", "mount", "uts", "ipc", "user", "network"] as const;
const ALL = ["CAP_CHOWN", "CAP_SETUID", "CAP_SETGID", "CAP_SYS_ADMIN"];

/** As the account: its files lie over the host's in a mount namespace that ends with the command. */
const AS_USER = `for name in passwd group subuid subgid; do
    [ -e /etc/$name ] && mount --bind "$ACCOUNT/$name" /etc/$name
  done
  [ -z "$OWN_GROUP" ] || echo $$ >"$OWN_GROUP/cgroup.procs"
  exec setpriv --reuid ${UID} --regid ${UID} --clear-groups "$@"`;

function asUser(command: readonly string[]): string[] {
  return ["unshare", "--mount", "--propagation", "private", "sh", "-c", AS_USER, "sh", ...command];
}

const skip = runtimeSkipReason() ?? otherUserSkipReason(UID);
const hasTools = Bun.which("newuidmap") !== null && statSync("/etc/subuid", { throwIfNoEntry: false }) !== undefined;

/** A bundle that belongs to the account. */
class UserBundle extends RuntimeBundle {
  /** @param command the runtime. @default the sources */
  constructor(command: readonly string[] = RUNTIMES[0]?.[1] ?? []) {
    super(asUser(command));
    mkdirSync(this.root);
    const account = join(this.folder, "account");
    mkdirSync(account);
    for (const [name, line] of [
      ["passwd", `${NAME}:x:${UID}:${UID}::/:/bin/sh`],
      ["group", `${NAME}:x:${UID}:`],
    ] as const)
      writeFileSync(join(account, name), `${readFileSync(join("/etc", name), "utf8")}${line}\n`);
    for (const name of ["subuid", "subgid"])
      writeFileSync(join(account, name), `${NAME}:${RANGE.hostID}:${RANGE.size}\n`);
    process.env.ACCOUNT = account;
    chmodSync(this.folder, 0o755);
    this.give();
  }

  give(): void {
    for (const path of [this.root, this.bundle]) spawnSync("chown", ["--recursive", `${UID}:${UID}`, path]);
  }
}

function spec(script: string, mappings: readonly IdMapping[]) {
  return {
    process: {
      args: ["sh", "-c", script],
      capabilities: { bounding: ALL, permitted: ALL, effective: ALL },
    },
    hostname: "box",
    linux: { namespaces: KINDS.map((type) => ({ type })), uidMappings: mappings, gidMappings: mappings },
  };
}

/** A v2 group of the host's that is the account's to divide (cgroup-v2.rst, "Delegation"), with one for the account's own processes. */
class DelegatedGroup implements Disposable {
  readonly path = `/sys/fs/cgroup/gantry-test-${process.pid}`;

  constructor() {
    const own = join(this.path, "own");
    mkdirSync(this.path);
    mkdirSync(own);
    for (const folder of [this.path, own]) {
      chownSync(folder, UID, UID);
      for (const name of ["cgroup.procs", "cgroup.subtree_control", "cgroup.threads"])
        chownSync(join(folder, name), UID, UID);
    }
    process.env.OWN_GROUP = own;
  }

  read(id: string, file: string): string {
    return readFileSync(join(this.path, id, file), "utf8").trim();
  }

  [Symbol.dispose](): void {
    delete process.env.OWN_GROUP;
    rmdirSync(join(this.path, "own"));
    rmdirSync(this.path);
  }
}

describe.skipIf(skip !== undefined || detectCgroups().mode !== "v2")("an ordinary user with a group to divide", () => {
  test.each(RUNTIMES)("%s: limits hold, change, freeze, and go with the container", (_name, command) => {
    using group = new DelegatedGroup();
    using bundle = new UserBundle([...command]);
    const id = `box-${process.pid}`;
    const done = { status: 0, stdout: "", stderr: "" };
    const wanted = spec("exec sleep 1000", [OWN]);
    const resources = { pids: { limit: 11 }, memory: { limit: 64 << 20 } };
    bundle.write({ ...wanted, linux: { ...wanted.linux, resources } });
    bundle.give();
    expect(bundle.run("run", "--detach", id)).toEqual(done);
    expect([group.read(id, "pids.max"), group.read(id, "memory.max")]).toEqual(["11", String(64 << 20)]);
    const place = `0::${group.path.slice("/sys/fs/cgroup".length)}/${id}\n`;
    expect(bundle.run("exec", id, "cat", "/proc/self/cgroup").stdout).toBe(place);
    expect(bundle.run("update", "--pids-limit", "22", id)).toEqual(done);
    expect(group.read(id, "pids.max")).toBe("22");
    // runc warns that it might fail.
    expect(bundle.run("pause", id).status).toBe(0);
    expect([group.read(id, "cgroup.freeze"), JSON.parse(bundle.run("state", id).stdout).status]).toEqual([
      "1",
      "paused",
    ]);
    expect(bundle.run("resume", id).status).toBe(0);
    expect(bundle.run("delete", "--force", id)).toEqual(done);
    expect({ isThere: existsSync(join(group.path, id)), left: bundle.left() }).toEqual({ isThere: false, left: [] });
  });
});

describe.skipIf(skip !== undefined)("an ordinary user runs containers", () => {
  test("with nobody but himself, who is root in there", () => {
    using bundle = new UserBundle();
    const script =
      "id; cat /proc/self/uid_map /proc/self/setgroups; echo x > /file; echo gone > /dev/null; ls /dev/pts";
    const name = `gantry-test-${process.pid}-self`;
    bundle.write({
      ...spec(script, [OWN]),
      mounts: [
        { destination: "/proc", type: "proc", source: "proc" },
        { destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["nosuid", "mode=755"] },
        { destination: "/dev/pts", type: "devpts", source: "devpts", options: ["newinstance", "ptmxmode=0666"] },
      ],
    });
    bundle.give();
    const { status, stdout, stderr } = bundle.run("run", name);
    expect([status, stdout.replaceAll(/ +/g, " "), stderr]).toEqual([0, `uid=0 gid=0\n 0 ${UID} 1\ndeny\nptmx\n`, ""]);
    expect(statSync(join(bundle.bundle, "rootfs/file")).uid).toBe(UID);
    expect(bundle.left()).toEqual([]);
  });

  test("groups that cannot be set there are refused in words, and so are ids that need a tool", () => {
    using bundle = new UserBundle();
    const wanted = spec("true", [OWN]);
    bundle.write({ ...wanted, process: { ...wanted.process, user: { uid: 0, gid: 0, additionalGids: [0] } } });
    bundle.give();
    expect(bundle.run("run", "gantry-test-groups").stderr).toContain(
      "process.user.additionalGids: no groups can be set in this user namespace",
    );
    bundle.write({ ...wanted, linux: { namespaces: [{ type: "mount" }] } });
    expect(bundle.run("run", "gantry-test-root").stderr).toContain("without root a container needs a user namespace");
    expect(bundle.left()).toEqual([]);
  });

  test.skipIf(!hasTools)("with the ids that newuidmap gives him, and only those (needs Debian's uidmap)", () => {
    using bundle = new UserBundle();
    const name = `gantry-test-${process.pid}-range`;
    const wanted = spec("id; cat /proc/self/gid_map /proc/self/setgroups; echo x > /tmp/file; ls -l /tmp; true", [
      OWN,
      RANGE,
    ]);
    bundle.write({ ...wanted, process: { ...wanted.process, user: { uid: 7, gid: 8, additionalGids: [5] } } });
    bundle.give();
    chmodSync(join(bundle.bundle, "rootfs/tmp"), 0o777);
    const { status, stdout, stderr } = bundle.run("run", name);
    expect([status, stderr]).toEqual([0, ""]);
    expect(stdout).toStartWith("uid=7 gid=8 groups=5\n");
    expect(stdout.replaceAll(/ +/g, " ")).toContain(` 0 ${UID} 1\n 1 ${RANGE.hostID} ${RANGE.size}\nallow\n`);
    expect(statSync(join(bundle.bundle, "rootfs/tmp/file")).uid).toBe(RANGE.hostID + 6);
    const stolen = spec("true", [OWN, { ...RANGE, hostID: 1 }]);
    bundle.write(stolen);
    expect(bundle.run("run", `${name}-2`).stderr).toMatch(/cannot map the users: newuidmap: .*not allowed/);
    expect(bundle.left()).toEqual([]);
  });
});
