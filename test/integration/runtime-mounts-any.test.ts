import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import fc from "fast-check";
import { GantryError } from "../../src/errors/gantry-error.ts";
import type { Mount, RootfsPropagation } from "../../src/oci/runtime-spec.ts";
import { mountOptionNames } from "../../src/runtime/plan/index.ts";
import { hostMounts } from "../support/host-mounts.ts";
import { sh } from "./runtime-mounts-fixture.ts";
import { Fixture } from "./supervise-fixture.ts";

const RUNS = Number(process.env.GANTRY_FUZZ_RUNS ?? 50);
let fixture: Fixture;
beforeAll(() => {
  fixture = new Fixture();
  mkdirSync(fixture.path("data/sub"), { recursive: true });
  mkdirSync(fixture.path("outside"));
  writeFileSync(fixture.path("data/file"), "data\n");
  const links: readonly (readonly [string, string])[] = [
    ["to-proc", "/proc/sys"],
    ["to-root", ".."],
    ["loop", "loop"],
    ["out", `../../../../../..${fixture.path("outside")}`],
    ["dangling", "/made/by/it"],
    ["dev/console", "/proc/sys/kernel/core_pattern"],
  ];
  for (const [name, target] of links) symlinkSync(target, fixture.path(`lower/${name}`));
});
afterAll(() => fixture[Symbol.asyncDispose]());

const PLACES =
  "/proc /proc/sys /proc/uptime /sys /sys/fs/cgroup /dev /dev/pts /dev/null /dev/shm /etc /bin/busybox /new/deep/er /to-proc /to-proc/kernel /to-root /to-root/x /loop /out/made /dangling .. / rel";
const place = fc.constantFrom(...PLACES.split(" "));
// A remount of a file system, unlike one of a mount, would be one of the host's.
const options = fc
  .array(fc.constantFrom(...mountOptionNames(), "size=64k", "mode=700", "newinstance", "nosuch", "hidepid=2"), {
    maxLength: 5,
  })
  .map((list) => (list.includes("remount") ? [...list, "bind"] : list));
const ids = fc.option(fc.constant([{ containerID: 0, hostID: 1000, size: 10 }]), { nil: undefined });
const mount: fc.Arbitrary<Mount> = fc
  .record({
    destination: place,
    type: fc.constantFrom(
      "bind",
      "tmpfs",
      "tmpfs",
      "proc",
      "sysfs",
      "mqueue",
      "devpts",
      "cgroup",
      "cgroup2",
      "none",
      "nosuchfs",
    ),
    source: fc.constantFrom("data", "data/file", "data/sub", "nowhere"),
    options,
    ids,
  })
  .map(({ ids: mappings, ...rest }) => ({
    ...rest,
    ...(mappings === undefined ? {} : { uidMappings: mappings, gidMappings: mappings }),
  }));
const spec = fc.record({
  mounts: fc.array(mount, { maxLength: 5 }),
  hasDefaults: fc.boolean(),
  isTerminal: fc.boolean(),
  isReadOnly: fc.boolean(),
  maskedPaths: fc.array(place, { maxLength: 2 }),
  readonlyPaths: fc.array(place, { maxLength: 2 }),
  rootfsPropagation: fc.constantFrom<RootfsPropagation>("private", "rslave", "shared", "runbindable"),
  withoutPivot: fc.option(fc.constant(["/proc", "/sys"]), { nil: undefined }),
});

const ORDINARY: typeof spec extends fc.Arbitrary<infer T> ? T : never = {
  mounts: [],
  hasDefaults: true,
  isTerminal: false,
  isReadOnly: false,
  maskedPaths: [],
  readonlyPaths: [],
  rootfsPropagation: "private",
  withoutPivot: undefined,
};

test("any mounts make a container or one error of ours, and nothing of the host's changes", async () => {
  const before = hostMounts(fixture.directory);
  let started = 0;
  await fc.assert(
    fc.asyncProperty(spec, async (tried) => {
      const { mounts, hasDefaults, isTerminal, isReadOnly, withoutPivot, ...linux } = tried;
      const whole = fixture.spec(
        sh("exit 7"),
        {
          mounts,
          linux: {
            ...linux,
            namespaces: (["pid", "ipc", "mount", "network", "uts"] as const).map((type) => ({ type })),
          },
          root: { path: "x", readonly: isReadOnly },
        },
        { terminal: isTerminal },
      );
      try {
        const plan = fixture.plan(hasDefaults ? whole : { ...whole, mounts }, {
          bundle: fixture.directory,
          ...(withoutPivot === undefined ? {} : { withoutPivot }),
        });
        const monitor = await fixture.launch(fixture.options(plan, { tty: isTerminal }));
        await monitor.ready();
        await monitor.start();
        started++;
        const { exitCode } = await monitor.exited;
        expect(exitCode).toBe(7);
      } catch (error) {
        // Something over /bin or the loader of programs is a failure of exec, which is one of ours too.
        if (!(error instanceof GantryError)) throw error;
        expect(error.message).not.toContain("internal");
      }
      expect(hostMounts(fixture.directory)).toEqual(before);
      expect(readdirSync(fixture.path("outside"))).toEqual([]);
    }),
    // Chance alone has been seen to make none that starts.
    {
      numRuns: RUNS,
      examples: [[ORDINARY]],
      ...(process.env.GANTRY_FUZZ_SEED ? { seed: Number(process.env.GANTRY_FUZZ_SEED) } : {}),
    },
  );
  expect(started).toBeGreaterThan(0);
}, 300_000);
