import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { parseGroup, parsePasswd, resolveUser } from "./resolve-user.ts";

const passwd =
  "root:x:0:0:root:/root:/bin/sh\nbob:x:1000:1001::/home/bob:/bin/sh\n# odd\nbroken:x:one:two\n12:x:77:78::/odd:\n";
const group = "root:x:0:\nwheel:x:10:root,bob\nbob:x:1001:\naudio:x:29:bob\n";
const resolve = (text: string, groups: readonly string[] = []): unknown => {
  const { user, home } = resolveUser(text, { passwd, group, groups });
  return [user.uid, user.gid, user.additionalGids, home];
};

describe("resolveUser", () => {
  test("no user is root, with root's groups", () => {
    expect(resolve("")).toEqual([0, 0, [0, 10], "/root"]);
  });

  test("names and numbers, with and without a group", () => {
    expect(resolve("bob")).toEqual([1000, 1001, [1001, 10, 29], "/home/bob"]);
    expect(resolve("1000")).toEqual([1000, 1001, [1001, 10, 29], "/home/bob"]);
    expect(resolve("bob:wheel")).toEqual([1000, 10, [10], "/home/bob"]);
    expect(resolve("5:6")).toEqual([5, 6, [6], "/"]);
    expect(resolve("5")).toEqual([5, 0, [0], "/"]);
    expect(resolve("5", ["audio", "99"])).toEqual([5, 0, [0, 29, 99], "/"]);
  });

  test("CVE-2016-3697: a number is a number, whatever names the image has given out", () => {
    const image = "12:x:0:0:root by another name:/root:\n13:x:0:0::/root:\nreal:x:13:14::/home/real:\n";
    const groups = "12:x:0:\n13:x:0:\n";
    const as = (text: string, further: readonly string[] = []): unknown =>
      resolveUser(text, { passwd: image, group: groups, groups: further });
    expect(as("12")).toEqual({ user: { uid: 12, gid: 0, additionalGids: [0] }, home: "/" });
    expect(as("13:12", ["13"])).toEqual({ user: { uid: 13, gid: 12, additionalGids: [12, 13] }, home: "/home/real" });
    const large = "4294967296:x:0:0::/:\n";
    expect(() => resolveUser("4294967296", { passwd: large, group: large })).toThrow("uids and gids must be in range");
  });

  test("says what is not there", () => {
    expect(() => resolve("eve")).toThrow("unable to find user eve: no matching entries in passwd file");
    expect(() => resolve("bob:eve")).toThrow("unable to find group eve: no matching entries in group file");
    expect(() => resolve("4294967296")).toThrow("uids and gids must be in range 0-2147483647");
    expect(() => resolve("-1")).toThrow("unable to find user -1");
  });
});

test("any text is read without failing", () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      for (const entry of [...parsePasswd(text), ...parseGroup(text)]) {
        expect(entry.gid).toBeGreaterThanOrEqual(0);
      }
    }),
  );
});
