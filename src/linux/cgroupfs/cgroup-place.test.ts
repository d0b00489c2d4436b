import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { CgroupHost } from "./cgroup-host.ts";
import { placesAt, placesIn } from "./cgroup-place.ts";

const V2: CgroupHost = {
  mode: "v2",
  mounts: [
    {
      version: 2,
      controllers: ["memory"],
      mountPoint: "/sys/fs/cgroup",
      root: "/",
      ownPath: "/sys/fs/cgroup/user.slice/session-1.scope",
    },
  ],
};
const HYBRID: CgroupHost = {
  mode: "hybrid",
  mounts: [
    { version: 1, controllers: ["cpu"], mountPoint: "/cg/cpu", root: "/", ownPath: "/cg/cpu/mine" },
    { version: 1, controllers: ["pids"], mountPoint: "/cg/pids", root: "/", ownPath: undefined },
    { version: 2, controllers: [], mountPoint: "/cg/unified", root: "/", ownPath: "/cg/unified/mine" },
  ],
};
const paths = (host: CgroupHost, path: string): string[] => placesAt(host, path).map((place) => place.path);

describe("placesAt", () => {
  test("an absolute path is below each mount point", () => {
    expect(paths(V2, "/a/b")).toEqual(["/sys/fs/cgroup/a/b"]);
    expect(paths(HYBRID, "/a/b")).toEqual(["/cg/cpu/a/b", "/cg/pids/a/b", "/cg/unified/a/b"]);
  });

  test("a relative path is inside of our own group, and beside it in v2", () => {
    expect(paths(V2, "a")).toEqual(["/sys/fs/cgroup/user.slice/a"]);
    expect(paths(HYBRID, "a")).toEqual(["/cg/cpu/mine/a", "/cg/pids/a", "/cg/unified/mine/a"]);
    const top: CgroupHost = { ...V2, mounts: V2.mounts.map((mount) => ({ ...mount, ownPath: mount.mountPoint })) };
    expect(paths(top, "a")).toEqual(["/sys/fs/cgroup/a"]);
  });

  test("no path leads out of where it begins, or to nothing", () => {
    expect(paths(V2, "/../../x")).toEqual(["/sys/fs/cgroup/x"]);
    expect(paths(HYBRID, "../../x")).toEqual(["/cg/cpu/mine/x", "/cg/pids/x", "/cg/unified/mine/x"]);
    for (const path of ["", "/", "..", "/a/..", "./"]) expect(() => placesAt(V2, path)).toThrow("names no group");
    fc.assert(
      fc.property(fc.array(fc.constantFrom("..", ".", "", "a", "b c")), fc.boolean(), (parts, isAbsolute) => {
        const path = (isAbsolute ? "/" : "") + parts.join("/");
        try {
          for (const place of placesAt(HYBRID, path)) expect(place.path).toStartWith(`${place.base}/`);
        } catch (error) {
          expect(String(error)).toContain("names no group");
        }
      }),
    );
  });
});

describe("placesIn", () => {
  test("folders are where they were, whoever looks, each in its hierarchy", () => {
    const folders = placesAt(HYBRID, "a").map(({ mount, path }) => ({ version: mount.version, path }));
    const elsewhere = { ...HYBRID, mounts: HYBRID.mounts.map((mount) => ({ ...mount, ownPath: undefined })) };
    expect(placesIn(elsewhere, folders).map(({ mount, path }) => [mount.mountPoint, path])).toEqual([
      ["/cg/cpu", "/cg/cpu/mine/a"],
      ["/cg/pids", "/cg/pids/a"],
      ["/cg/unified", "/cg/unified/mine/a"],
    ]);
    expect(placesIn(V2, folders)).toEqual([]);
  });
});
