import { describe, expect, test } from "bun:test";
import { CAPABILITY_NAMES } from "./capability-names.ts";
import { DEFAULT_CAPABILITIES } from "./default-capabilities.ts";
import { resolveCapabilities } from "./resolve-capabilities.ts";

const everything = { add: [], drop: [], privileged: false, available: CAPABILITY_NAMES };

describe("resolveCapabilities", () => {
  test("gives Docker's set when nothing is asked", () => {
    expect(resolveCapabilities(everything)).toEqual({ capabilities: DEFAULT_CAPABILITIES, missing: [] });
  });

  test("adds and drops by any spelling, adding beats dropping", () => {
    const { capabilities } = resolveCapabilities({
      ...everything,
      add: ["net_admin", "CAP_CHOWN"],
      drop: ["Cap_Chown", "mknod"],
    });
    expect(capabilities).toContain("CAP_NET_ADMIN");
    expect(capabilities).toContain("CAP_CHOWN");
    expect(capabilities).not.toContain("CAP_MKNOD");
  });

  test("drops ALL but what is added", () => {
    expect(resolveCapabilities({ ...everything, drop: ["all"], add: ["SYS_TIME", "KILL"] }).capabilities).toEqual([
      "CAP_KILL",
      "CAP_SYS_TIME",
    ]);
  });

  test("adds ALL but what is dropped by name", () => {
    const { capabilities } = resolveCapabilities({ ...everything, add: ["ALL"], drop: ["SYS_ADMIN"] });
    expect(capabilities).toEqual(CAPABILITY_NAMES.filter((name) => name !== "CAP_SYS_ADMIN"));
  });

  test("says what the daemon lacks, and no capability of a newer kernel", () => {
    const available = CAPABILITY_NAMES.slice(0, 38).filter((name) => name !== "CAP_SYS_RESOURCE");
    expect(resolveCapabilities({ ...everything, privileged: true, available })).toEqual({
      capabilities: available,
      missing: ["CAP_SYS_RESOURCE"],
    });
    expect(resolveCapabilities({ ...everything, drop: ["ALL"], add: ["BPF"], available })).toEqual({
      capabilities: [],
      missing: ["CAP_BPF"],
    });
  });

  test("refuses a name that no kernel knows", () => {
    expect(() => resolveCapabilities({ ...everything, add: ["CAP_ROOT"] })).toThrow('unknown capability: "CAP_ROOT"');
    expect(() => resolveCapabilities({ ...everything, drop: ["__proto__"] })).toThrow("unknown capability");
  });
});
