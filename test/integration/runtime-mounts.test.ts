import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import type { Mount } from "../../src/oci/runtime-spec.ts";
import { findKernelMounts } from "../../src/runtime/plan/index.ts";
import { hostMounts } from "../support/host-mounts.ts";
import { HostMounts, mountsOf, parseMountInfo, sh, tryMounts } from "./runtime-mounts-fixture.ts";
import { Fixture } from "./supervise-fixture.ts";

let fixture: Fixture;
beforeAll(() => {
  fixture = new Fixture();
  mkdirSync(fixture.path("data/sub"), { recursive: true });
  writeFileSync(fixture.path("data/file"), "data\n");
  mkdirSync(fixture.path("lower/filled"));
  mkdirSync(fixture.path("lower/old"));
});
afterAll(() => fixture[Symbol.asyncDispose]());

const bind = (destination: string, ...options: string[]): Mount => ({
  destination,
  type: "bind",
  source: fixture.path("data"),
  options,
});
const tmpfs = (destination: string, ...options: string[]): Mount => ({
  destination,
  type: "tmpfs",
  source: "tmpfs",
  options,
});

describe("the same bundle has the same mounts as with runc", () => {
  const hasRunc = spawnSync("runc", ["--version"]).status === 0;
  /** What differs on purpose, by place. */
  const DIFFERENCES: Readonly<Record<string, string>> = {
    "/": "it is private unless something else is asked for, as with runc from 1.2 on",
    "/sys": "the superblock is all containers' of a network namespace: `ro` is the mount's alone",
    "/sys/firmware": "one empty file system for all masked folders, with all of its attributes",
    "/old": "the mode of what it hides is an option, as with runc from 1.2 on",
  };

  test.skipIf(!hasRunc)("attributes, propagation, options of file systems", async () => {
    using host = new HostMounts();
    host.mount(fixture.path("data/sub"), "-t", "tmpfs", "-o", "nosuid,nodev,noexec,noatime,nodiratime", "tmpfs");
    const confined = fixture.path("data/sub");
    const mounts: Mount[] = [
      bind("/b0", "bind"),
      bind("/b1", "rbind"),
      bind("/b2", "rbind", "ro"),
      bind("/b3", "rbind", "nosuid", "nodev", "noexec", "noatime"),
      { ...bind("/b4", "bind", "ro"), source: confined },
      { ...bind("/b5", "bind"), source: confined },
      { ...bind("/b6", "bind", "strictatime", "nodiratime"), source: confined },
      { ...bind("/b7/made/file", "bind", "ro"), source: fixture.path("data/file") },
      bind("/s1", "rbind", "shared"),
      bind("/s2", "rbind", "rslave"),
      bind("/s3", "rbind", "private"),
      bind("/s4", "rbind", "unbindable"),
      bind("/s5", "rbind", "rshared"),
      bind("/r1", "rbind", "rro"),
      bind("/r2", "rbind", "rnosuid", "rnoexec", "rnodev"),
      bind("/r3", "rbind", "rnoatime", "rrw"),
      tmpfs("/t1", "ro", "size=1m"),
      tmpfs("/t2", "nosuid", "noatime", "mode=700", "size=1m"),
      tmpfs("/t3", "sync", "dirsync", "lazytime", "size=64k"),
      tmpfs("/t4", "strictatime", "nodiratime", "silent", "loud", "iversion"),
      tmpfs("/old"),
      tmpfs("rel/ative"),
      tmpfs("/twice"),
      tmpfs("/twice", "ro"),
      { destination: "/dev/mqueue", type: "mqueue", source: "mqueue", options: ["nosuid", "noexec", "nodev"] },
    ];
    const root = { path: fixture.path("lower") };
    const ours = await mountsOf(fixture, { mounts, plan: { rootfs: { type: "bind", path: root.path } } });
    const spec = fixture.spec(sh("cat /proc/self/mountinfo"), { mounts, root });
    const id = `gantry-mounts-${process.pid}`;
    mkdirSync(fixture.path("bundle"));
    writeFileSync(
      fixture.path("bundle/config.json"),
      JSON.stringify({ ...spec, linux: { ...spec.linux, cgroupsPath: `/${id}` } }),
    );
    const args = ["--root", fixture.path("runc"), "run", "--bundle", fixture.path("bundle"), id];
    const theirs = parseMountInfo(spawnSync("runc", args, { encoding: "utf8" }).stdout);
    const comparable = (lines: typeof ours) =>
      lines.filter(({ path }) => !(path in DIFFERENCES)).sort((a, b) => (a.path < b.path ? -1 : 1));
    expect(comparable(ours)).toEqual(comparable(theirs));
    expect(ours.length).toBeGreaterThan(mounts.length);
  });
});

describe("a place of a mount", () => {
  test("is made, is a link, is a file, is hidden again", async () => {
    symlinkSync("/made/by/link", fixture.path("lower/link"));
    writeFileSync(fixture.path("lower/plain"), "plain\n");
    const mounts: Mount[] = [
      bind("/new/deep", "rbind"),
      tmpfs("/link"),
      { ...bind("/plain", "bind"), source: fixture.path("data/file") },
      bind("/twice", "bind"),
      tmpfs("/twice", "size=64k"),
    ];
    const script =
      "cat /new/deep/file /plain; ls /twice; grep -c ' /made/by/link ' /proc/self/mountinfo; readlink /link";
    expect((await tryMounts(fixture, script, { mounts })).stdout).toBe("data\ndata\n1\n/made/by/link\n");
  });

  test("a file on a folder, and the other way round, is refused with a sentence", async () => {
    const file: Mount = { ...bind("/etc", "bind"), source: fixture.path("data/file") };
    const folder = bind("/bin/busybox", "bind");
    const words = "not a directory: a file goes on a file, a folder on a folder";
    for (const mount of [file, folder, tmpfs("/bin/busybox")])
      await expect(tryMounts(fixture, "true", { mounts: [mount] })).rejects.toThrow(words);
  });

  test("a link to the root, or below a file, is no place", async () => {
    symlinkSync("..", fixture.path("lower/up"));
    await expect(tryMounts(fixture, "true", { mounts: [tmpfs("/up")] })).rejects.toThrow(
      "the target leads to the container's root",
    );
    await expect(tryMounts(fixture, "true", { mounts: [tmpfs("/plain/x")] })).rejects.toThrow("ENOTDIR");
  });

  test("a source is found at the bundle", async () => {
    const mounts = [{ ...bind("/v", "bind"), source: "data/sub/.." }];
    const { stdout } = await tryMounts(fixture, "cat /v/file", { mounts, plan: { bundle: fixture.directory } });
    expect(stdout).toBe("data\n");
  });

  test("what lxcfs replaces in /proc is replaced, a link that leads there is not followed", async () => {
    const memory = { ...bind("/proc/meminfo", "bind", "ro"), source: fixture.path("data/file") };
    expect((await tryMounts(fixture, "cat /proc/meminfo", { mounts: [memory] })).stdout).toBe("data\n");
    symlinkSync("/proc/sys", fixture.path("lower/sysctl"));
    for (const mount of [tmpfs("/sysctl/kernel"), bind("/sysctl", "bind")])
      await expect(tryMounts(fixture, "true", { mounts: [mount] })).rejects.toThrow("the target is inside of /proc");
    const notProc = bind("/proc", "bind");
    await expect(tryMounts(fixture, "true", { mounts: [notProc] })).rejects.toThrow("it is no proc file system");
  });
});

describe("a tmpfs", () => {
  test("begins with what it hides: owners, modes, times, links, devices", async () => {
    const path = (name: string) => fixture.path(`lower/filled/${name}`);
    mkdirSync(path("folder/inner"), { recursive: true });
    writeFileSync(path("folder/inner/file"), "deep\n", { mode: 0o640 });
    chownSync(path("folder/inner/file"), 7, 8);
    chmodSync(path("folder"), 0o1750);
    writeFileSync(path("big"), Buffer.alloc(3_000_001, "x"));
    linkSync(path("big"), path("big-too"));
    symlinkSync("no/where", path("dangling"));
    spawnSync("mkfifo", [path("pipe")]);
    spawnSync("mknod", [path("null"), "c", "1", "3"]);
    spawnSync("touch", ["-d", "@1000000000", path("folder/inner/file"), path("folder")]);
    chmodSync(fixture.path("lower/filled"), 0o751);
    const script =
      "cd /filled; cat folder/inner/file; stat -c '%n %u:%g %a %Y' folder/inner/file folder; stat -c '%F %a' . ; " +
      "wc -c big big-too | grep -v total; readlink dangling; stat -c %F pipe null; echo more > new";
    const mounts = [tmpfs("/filled", "tmpcopyup", "ro", "nosuid")];
    const { stdout, stderr } = await tryMounts(fixture, script, { mounts });
    expect(stdout.replace(/ +/g, " ")).toBe(
      "deep\nfolder/inner/file 7:8 640 1000000000\nfolder 0:0 1750 1000000000\ndirectory 751\n" +
        " 3000001 big\n 3000001 big-too\nno/where\nfifo\ncharacter special file\n",
    );
    expect(stderr).toContain("Read-only file system");
    expect(existsSync(path("new"))).toBe(false);
  });

  test("that is too small for what it hides is a failure, before the start", async () => {
    const mounts = [tmpfs("/filled", "tmpcopyup", "size=100k")];
    await expect(tryMounts(fixture, "true", { mounts })).rejects.toThrow("copy what is there: ENOSPC");
  });

  test("that is read-only takes mounts and devices first", async () => {
    const mounts: Mount[] = [tmpfs("/run", "ro", "mode=700"), tmpfs("/run/inner"), bind("/run/data", "bind")];
    const spec = fixture.spec([], {});
    const dev = (spec.mounts ?? []).map((mount) =>
      mount.destination === "/dev" ? { ...mount, options: [...(mount.options ?? []), "ro"] } : mount,
    );
    const script =
      "ls /run; stat -c %a /run; echo x > /dev/null && echo written; touch /run/x; touch /run/inner/x; touch /dev/x";
    const { stdout, stderr } = await tryMounts(fixture, script, { mounts: [...dev, ...mounts], hasDefaults: false });
    expect(stdout).toBe("data\ninner\n700\nwritten\n");
    expect(stderr.match(/Read-only file system/g)?.length).toBe(2);
  });
});

describe("ids of a bind mount", () => {
  const ids = (hostID: number) => [{ containerID: 0, hostID, size: 100 }];

  test("are mapped, of one mount or of all below it", async () => {
    using host = new HostMounts();
    mkdirSync(fixture.path("other"));
    // A folder again: tmpfs maps ids from Linux 6.3 on.
    host.mount(fixture.path("data/sub"), "--bind", fixture.path("other"));
    chownSync(fixture.path("data/file"), 5, 6);
    chownSync(fixture.path("data/sub"), 5, 6);
    const mapped = { uidMappings: ids(1000), gidMappings: ids(2000) };
    const mounts = [
      { ...bind("/one", "rbind", "idmap"), ...mapped },
      { ...bind("/all", "rbind", "ridmap"), ...mapped },
      { ...bind("/silent", "rbind"), ...mapped },
      bind("/none", "rbind"),
    ];
    const script = "for d in one all silent none; do stat -c '%n %u:%g' /$d/file /$d/sub; done; touch /all/file-of-0";
    const { stdout, stderr } = await tryMounts(fixture, script, { mounts });
    expect(stdout).toBe(
      "/one/file 1005:2006\n/one/sub 5:6\n/all/file 1005:2006\n/all/sub 1005:2006\n" +
        "/silent/file 1005:2006\n/silent/sub 5:6\n/none/file 5:6\n/none/sub 5:6\n",
    );
    // Nobody in the container is one of those ids.
    expect(stderr).toContain("touch: /all/file-of-0");
  });

  test("no process is left of it, and what cannot be mapped is told", async () => {
    const mounts = [{ ...bind("/x", "bind", "idmap"), source: "/proc/sys", uidMappings: ids(0), gidMappings: ids(0) }];
    await expect(tryMounts(fixture, "true", { mounts })).rejects.toThrow("cannot map ids on this kernel");
    const fine = [{ ...bind("/x", "bind", "idmap"), uidMappings: ids(0), gidMappings: ids(0) }];
    const { stdout } = await tryMounts(fixture, "echo /proc/[0-9]*; ls /proc/self/fd", { mounts: fine });
    expect(stdout).toBe("/proc/1\n0\n1\n2\n3\n");
  });
});

describe("a remount", () => {
  test("changes what is there: a mount, or a file system", async () => {
    const mounts: Mount[] = [
      bind("/v", "bind", "nosuid", "relatime"),
      { destination: "/v", options: ["bind", "remount", "ro", "noexec"] },
      tmpfs("/t", "size=1m", "noexec"),
      { destination: "/t", type: "tmpfs", options: ["remount", "size=2m"] },
      { destination: "/proc", type: "proc", options: ["remount", "hidepid=invisible", "nosuid", "nodev", "noexec"] },
    ];
    const lines = await mountsOf(fixture, { mounts });
    const line = (path: string) => lines.find((entry) => entry.path === path);
    expect(line("/v")?.attributes).toBe("ro,noexec,relatime");
    const superblock = line("/t")?.superblock.replace(",inode64", "");
    expect([line("/t")?.attributes, superblock]).toEqual(["rw,relatime", "rw,size=2048k"]);
    expect(line("/proc")?.superblock).toBe("rw,hidepid=invisible");
  });

  test("of what is no mount, or by way of a link, is refused", async () => {
    symlinkSync("v", fixture.path("lower/to-volume"));
    const linked = [bind("/v", "bind", "ro"), { destination: "/to-volume", options: ["bind", "remount", "rw"] }];
    await expect(tryMounts(fixture, "true", { mounts: linked })).rejects.toThrow(
      'cannot remount "/to-volume": target: ELOOP',
    );
    const mounts = [{ destination: "/etc", options: ["bind", "remount", "ro"] }];
    await expect(tryMounts(fixture, "true", { mounts })).rejects.toThrow("nothing is mounted there");
  });
});

describe("file systems", () => {
  test("variants of proc, devpts and sysfs have their options", async () => {
    const mounts: Mount[] = [
      { destination: "/p1", type: "proc", source: "proc", options: ["hidepid=2"] },
      { destination: "/p2", type: "proc", source: "proc", options: ["subset=pid", "ro"] },
      { destination: "/d", type: "devpts", source: "devpts", options: ["newinstance", "ptmxmode=0600", "max=3"] },
    ];
    const lines = await mountsOf(fixture, { mounts });
    const line = (path: string) => lines.find((entry) => entry.path === path);
    expect(line("/p1")?.superblock).toBe("rw,hidepid=invisible");
    expect([line("/p2")?.superblock, line("/p2")?.attributes]).toEqual(["rw,subset=pid", "ro,relatime"]);
    expect(line("/d")?.superblock).toBe("rw,mode=600,ptmxmode=600,max=3");
  });

  test("an option that is too long for fsconfig(2) goes by mount(2)", async () => {
    const lower = ["a", "b"].map((letter) => fixture.path(letter.repeat(200)));
    lower.forEach((path, index) => {
      mkdirSync(path);
      writeFileSync(`${path}/${index}`, "");
    });
    const overlay: Mount = {
      destination: "/o",
      type: "overlay",
      source: "overlay",
      options: [`lowerdir=${lower.join(":")}`, "nosuid", "noatime", "ro", "private"],
    };
    const { stdout } = await tryMounts(fixture, "ls /o; grep ' /o ' /proc/self/mountinfo | cut -d' ' -f6", {
      mounts: [overlay],
    });
    expect(stdout).toBe("0\n1\nro,nosuid,noatime\n");
  });

  test("what the kernel refuses is told in its words", async () => {
    for (const [mount, words] of [
      [tmpfs("/t", "size=much"), "tmpfs: Bad value for 'size'"],
      [tmpfs("/t", "nosuch"), "tmpfs: Unknown parameter 'nosuch'"],
      [{ destination: "/t", type: "nosuchfs" }, "file system nosuchfs: ENODEV"],
    ] as const)
      await expect(tryMounts(fixture, "true", { mounts: [mount] })).rejects.toThrow(words);
  });
});

describe("the root", () => {
  const script = "cat /proc/self/mountinfo | head -1 | cut -d' ' -f5-6; ls -d /bin; readlink /proc/1/root";

  test("is changed without pivot_root, and the host's /proc and /sys are gone", async () => {
    const withoutPivot = findKernelMounts(readFileSync("/proc/self/mountinfo", "utf8"), fixture.path("lower"));
    expect(withoutPivot).toEqual(expect.arrayContaining(["/proc", "/sys"]));
    const before = hostMounts(fixture.directory);
    // The kernel lets a user namespace have a proc file system where there is a whole one already: what is masked in the
    // container's own would be open in it, if the host's were still below (runc: libcontainer/rootfs_linux.go, msMoveRoot).
    const script = `ls -d /bin/sh; test -e ${fixture.path("lower")} || echo inside; cd /; cd ..; pwd
      grep -cE ' - (proc|sysfs) ' /proc/self/mountinfo
      busybox unshare -Urmpf busybox mount -t proc proc /tmp 2>&1`;
    const { stdout, stderr } = await tryMounts(fixture, script, { plan: { withoutPivot } });
    expect(stderr).toBe("");
    // /proc, /proc/sys (read-only) and /sys: those of the container alone
    expect(stdout).toMatch(/^\/bin\/sh\ninside\n\/\n3\n(mount: permission denied|unshare: .*Operation not permitted)/);
    expect(hostMounts(fixture.directory)).toEqual(before);
  });

  test("can be the host's own, read-only", async () => {
    const mounts = [
      { destination: "/proc", type: "proc", source: "proc" },
      tmpfs("/dev", "mode=755"),
      tmpfs("/mnt", "size=64k"),
    ];
    const { stdout, stderr } = await tryMounts(
      fixture,
      `cat ${fixture.path("data/file")}; touch ${fixture.path("data/no")}; touch /mnt/x && echo done`,
      {
        mounts,
        hasDefaults: false,
        root: { path: "/", readonly: true },
        plan: { rootfs: { type: "bind", path: "/" } },
      },
    );
    expect([stdout, stderr.includes("Read-only file system")]).toEqual(["data\ndone\n", true]);
    expect(readdirSync("/mnt")).not.toContain("x");
  });

  test("is a mount, or a folder of one", async () => {
    using host = new HostMounts();
    mkdirSync(fixture.path("mounted"));
    host.mount(fixture.path("mounted"), "--bind", fixture.path("lower"));
    for (const name of ["mounted", "lower"]) {
      const { stdout } = await tryMounts(fixture, script, {
        plan: { rootfs: { type: "bind", path: fixture.path(name) } },
      });
      expect(`${name} ${stdout}`).toMatch(/^\w+ \/ rw,(rel|no)atime\n\/bin\n\/\n$/);
    }
  });
});

describe("devices", () => {
  test("have their types, rights and owners; one that is there already is taken, something else is not", async () => {
    const linux = {
      devices: [
        { path: "/dev/own", type: "c", major: 1, minor: 7, fileMode: 0o640, uid: 5, gid: 6 },
        { path: "/elsewhere/pipe", type: "p", fileMode: 0o600 },
        { path: "/dev/u", type: "u", major: 1, minor: 3 },
        { path: "/dev/disk", type: "b", major: 7, minor: 0, fileMode: 0o660 },
        { path: "/kept", type: "c", major: 1, minor: 3 },
      ],
    } as const;
    spawnSync("mknod", ["-m", "600", fixture.path("lower/kept"), "c", "1", "3"]);
    const script =
      "stat -c '%n %F %a %u:%g %t:%T' /dev/own /elsewhere/pipe /dev/u /dev/disk /kept /dev/null; " +
      "for l in fd stdin stdout stderr ptmx core; do readlink /dev/$l; done";
    const { stdout } = await tryMounts(fixture, script, { linux, plan: { hasKcore: true } });
    expect(stdout).toBe(
      "/dev/own character special file 640 5:6 1:7\n/elsewhere/pipe fifo 600 0:0 0:0\n" +
        "/dev/u character special file 666 0:0 1:3\n/dev/disk block special file 660 0:0 7:0\n" +
        "/kept character special file 600 0:0 1:3\n/dev/null character special file 666 0:0 1:3\n" +
        "/proc/self/fd\n/proc/self/fd/0\n/proc/self/fd/1\n/proc/self/fd/2\npts/ptmx\n/proc/kcore\n",
    );
    const wrong = { devices: [{ path: "/kept", type: "c", major: 1, minor: 5 }] } as const;
    await expect(tryMounts(fixture, "true", { linux: wrong })).rejects.toThrow("something else is there");
  });

  test("/dev/ptmx of an image gives way to the container's own", async () => {
    mkdirSync(fixture.path("image/dev"), { recursive: true });
    spawnSync("cp", ["-a", fixture.path("lower/bin"), fixture.path("image")]);
    spawnSync("mknod", [fixture.path("image/dev/ptmx"), "c", "5", "2"]);
    const { stdout } = await tryMounts(fixture, "readlink /dev/ptmx", {
      mounts: [{ destination: "/proc", type: "proc", source: "proc" }],
      hasDefaults: false,
      plan: { rootfs: { type: "bind", path: fixture.path("image") } },
    });
    expect(stdout).toBe("pts/ptmx\n");
    expect(statSync(fixture.path("image/dev/null")).isCharacterDevice()).toBe(true);
  });
});

describe("hidden paths", () => {
  test("files, folders, links and what is missing; in an image with hostile links they stay inside", async () => {
    mkdirSync(fixture.path("lower/secret/deep"), { recursive: true });
    writeFileSync(fixture.path("lower/secret/deep/file"), "secret\n");
    symlinkSync("/secret/deep", fixture.path("lower/to-folder"));
    symlinkSync("secret/deep/file", fixture.path("lower/to-file"));
    symlinkSync(`../../../../../..${fixture.path("data")}`, fixture.path("lower/out"));
    symlinkSync("loop", fixture.path("lower/loop"));
    const linux = {
      maskedPaths: ["/to-folder", "/no/such", "/bin/busybox/x", "/out/file", "/to-folder"],
      readonlyPaths: ["/etc", "/no/such", "/out", "/to-file"],
    };
    const { stdout, stderr } = await tryMounts(fixture, "ls /secret/deep | wc -l; touch /etc/x; touch /ok", { linux });
    expect([stdout, stderr.match(/Read-only file system/g)?.length]).toEqual(["0\n", 1]);
    expect(readFileSync(fixture.path("data/file"), "utf8")).toBe("data\n");
    const file = { maskedPaths: ["/to-file"], readonlyPaths: [] };
    expect((await tryMounts(fixture, "cat /secret/deep/file; wc -c < /to-file", { linux: file })).stdout).toBe("0\n");
    await expect(tryMounts(fixture, "true", { linux: { maskedPaths: ["/loop"] } })).rejects.toThrow("ELOOP");
  });
});
