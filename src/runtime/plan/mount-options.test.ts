import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { mountOptionNames, parseMountOptions } from "./mount-options.ts";

const NOTHING = parseMountOptions([]);

describe("parseMountOptions", () => {
  test("sorts options by who has to know them", () => {
    expect(parseMountOptions(["rbind", "ro", "rnosuid", "rslave", "size=64m", "noatime,sync"])).toEqual({
      ...NOTHING,
      bind: "rbind",
      attributes: { set: 0x11, clear: 0x70 },
      recursive: { set: 2, clear: 0 },
      propagation: [(1 << 19) | (1 << 14)],
      superblock: ["sync"],
      data: ["size=64m"],
    });
  });

  test("the later of two contrary options wins", () => {
    expect(parseMountOptions(["ro", "rw"]).attributes).toEqual({ set: 0, clear: 1 });
    expect(parseMountOptions(["rw", "ro"]).attributes).toEqual({ set: 1, clear: 0 });
    expect(parseMountOptions(["noatime", "relatime"]).attributes).toEqual({ set: 0, clear: 0x70 });
    expect(parseMountOptions(["sync", "async", "dirsync"]).superblock).toEqual(["dirsync"]);
    expect(parseMountOptions(["rro", "rrw"]).recursive).toEqual({ set: 0, clear: 1 });
  });

  test("propagation is a sequence: slave and then shared is both", () => {
    expect(parseMountOptions(["rslave", "shared"]).propagation).toEqual([(1 << 19) | (1 << 14), 1 << 20]);
  });

  test("what is no flag is for the file system, also what only looks like one of ours", () => {
    const data = ["hidepid=2", "rsize=4096", "toString", "norecovery", "user=me", "rbinds"];
    expect(parseMountOptions(data)).toEqual({ ...NOTHING, data });
  });

  test("words of mount(8) that the kernel never sees stay out of its sight", () => {
    const words = [
      "defaults",
      "nofail",
      "_netdev",
      "x-systemd.automount",
      "X-mount.mkdir",
      "comment=a",
      "auto",
      "loud",
    ];
    expect(parseMountOptions(words)).toEqual(NOTHING);
    expect(parseMountOptions(["user"]).attributes).toEqual({ set: 0xe, clear: 0 });
    expect(parseMountOptions(["user", "exec"]).attributes).toEqual({ set: 6, clear: 8 });
  });

  test("a value in double quotes keeps its commas, and loses its quotes", () => {
    expect(parseMountOptions(['ro,context="system_u:object_r:t:s0:c1,c2",size=1k']).data).toEqual([
      "context=system_u:object_r:t:s0:c1,c2",
      "size=1k",
    ]);
  });

  test("every option of the specification has a meaning", () => {
    for (const name of mountOptionNames()) expect([name, parseMountOptions([name]).data]).toEqual([name, []]);
    // runtime-spec 1.3, config.md, "Linux mount options"
    const specification =
      "async atime bind defaults dev diratime dirsync exec iversion lazytime loud mand noatime nodev nodiratime noexec " +
      "noiversion nolazytime nomand norelatime nostrictatime nosuid nosymfollow private ratime rbind rdev rdiratime relatime " +
      "remount rexec rnoatime rnodiratime rnoexec rnorelatime rnostrictatime rnosuid rnosymfollow ro rprivate rrelatime rro rrw " +
      "rshared rslave rstrictatime rsuid rsymfollow runbindable rw shared silent slave strictatime suid symfollow sync tmpcopyup " +
      "unbindable idmap ridmap";
    expect(specification.split(" ").filter((name) => !mountOptionNames().includes(name))).toEqual([]);
  });

  test("no sequence of options sets and clears the same, or an access time without its mask", () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.constantFrom(...mountOptionNames()), fc.string())), (options) => {
        const { attributes, recursive } = parseMountOptions(options);
        for (const { set, clear } of [attributes, recursive]) {
          expect(set & clear & ~0x70).toBe(0);
          expect([0, 0x70]).toContain(clear & 0x70);
          if (set & 0x70) expect(clear & 0x70).toBe(0x70);
          expect([0, 0x10, 0x20]).toContain(set & 0x70);
        }
      }),
    );
  });
});
