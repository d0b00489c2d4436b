import { describe, expect, test } from "bun:test";
import { resolveLocations } from "./locations.ts";

describe("resolveLocations", () => {
  test("flags win over the environment, and that over the defaults", () => {
    expect(resolveLocations({}, {})).toMatchObject({
      root: "/var/lib/gantry",
      state: "/run/gantry",
      socketPath: "/run/gantry/gantry.sock",
    });
    const environment = { GANTRY_ROOT: "/a", GANTRY_STATE: "/b", GANTRY_HOST: "unix:///c/d.sock" };
    expect(resolveLocations({}, environment)).toMatchObject({ root: "/a", state: "/b", socketPath: "/c/d.sock" });
    expect(resolveLocations({ root: "/x", host: "/y/z.sock" }, environment)).toMatchObject({
      root: "/x",
      state: "/b",
      socketPath: "/y/z.sock",
    });
  });

  test("a state folder that a flag names is where the daemon is, whatever the environment says", () => {
    const environment = { GANTRY_STATE: "/b", GANTRY_HOST: "unix:///c/d.sock" };
    expect(resolveLocations({ state: "/x" }, environment).socketPath).toBe("/x/gantry.sock");
    expect(resolveLocations({}, environment).socketPath).toBe("/c/d.sock");
  });

  test("a host that is not a unix socket is refused by name", () => {
    expect(() => resolveLocations({ host: "tcp://127.0.0.1:2375" }, {})).toThrow(
      'cannot use host "tcp://127.0.0.1:2375"',
    );
  });

  test("an empty path, of a variable that is not set, is not the working folder", () => {
    expect(() => resolveLocations({ root: "" }, {})).toThrow("--root is empty");
    expect(() => resolveLocations({ state: "" }, {})).toThrow("--state is empty");
  });

  test("a path that no socket can have is refused before anything starts", () => {
    expect(() => resolveLocations({ state: `/${"x".repeat(120)}` }, {})).toThrow("longer than 107 bytes");
    expect(() => resolveLocations({ state: `/${"x".repeat(78)}` }, {})).not.toThrow();
    expect(() => resolveLocations({ state: `/${"x".repeat(79)}` }, {})).toThrow(/monitors.*longer than 107 bytes/);
  });

  test("a root whose database could not be opened is refused with its reason", () => {
    expect(() => resolveLocations({ root: `/${"x/".repeat(250)}` }, {})).toThrow(/^root .* is longer than 450 bytes$/);
  });
});
