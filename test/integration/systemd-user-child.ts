/** Runs as the user whose systemd it asks: makes a container's scope, changes it, and waits for a line before it removes it. */
import { spawn } from "node:child_process";
import { detectCgroups } from "../../src/linux/cgroupfs/index.ts";
import { openCgroup } from "../../src/runtime/cgroup/index.ts";

const [busAddress = "", id = ""] = process.argv.slice(2);
const cgroup = await openCgroup({
  host: detectCgroups(),
  id,
  driver: "systemd",
  rootless: { uid: process.getuid?.() ?? 0, busAddress },
});
const [first, second] = [0, 1].map(() => spawn("sleep", ["100"], { stdio: "ignore" }));
try {
  await cgroup.create({ pids: { limit: 11 } }, { pid: first?.pid ?? 0 });
  // Only systemd can move it: the groups between are not ours.
  await cgroup.adopt(second?.pid ?? 0);
  await cgroup.update({ memory: { limit: 32 << 20 } });
  process.stdout.write(`${JSON.stringify({ path: cgroup.path, pids: cgroup.group.pids() })}\n`);
  await new Promise((resolve) => process.stdin.once("data", resolve));
} finally {
  await cgroup.remove();
  first?.kill("SIGKILL");
  second?.kill("SIGKILL");
}
process.exit(0);
