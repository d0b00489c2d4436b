import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { detectCgroups } from "../../src/linux/cgroupfs/index.ts";
import { RUNTIMES, RuntimeBundle, runtimeSkipReason } from "../support/runtime-bundle.ts";

const canRun = runtimeSkipReason() === undefined && detectCgroups().mode === "v2";
/** What an init does that divides its group further, as systemd: a v2 group that hands controllers down has no processes. */
const DIVIDE = "cd /sys/fs/cgroup && mkdir init && echo 1 >init/cgroup.procs && echo +pids >cgroup.subtree_control";

describe.skipIf(!canRun)("exec in a container that has divided its own control group", () => {
  test.each(RUNTIMES)("with %s: the process is where init is", async (runtime, command) => {
    using bundle = new RuntimeBundle([...command]);
    const id = `gantry-test-${process.pid}-${runtime.split(" ")[0]}-divided`;
    bundle.write({
      process: { args: ["sh", "-c", `${DIVIDE} && echo >/tmp/divided; exec sleep 1000`] },
      mounts: [
        { destination: "/proc", type: "proc", source: "proc" },
        { destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: ["rw"] },
      ],
      linux: { namespaces: [{ type: "pid" }, { type: "mount" }, { type: "cgroup" }] },
    });
    expect(bundle.run("run", "--detach", id).status).toBe(0);
    // Seen from outside: who joins earlier is in its way.
    while (!existsSync(join(bundle.bundle, "rootfs/tmp/divided"))) await Bun.sleep(5);
    expect(bundle.run("exec", id, "cat", "/proc/self/cgroup")).toEqual({ status: 0, stdout: "0::/init\n", stderr: "" });
  });
});
