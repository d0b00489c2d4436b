/**
 * In a user namespace whose /proc has a mask: tells the OOM score of a program in a container there, and why a sysctl cannot be set
 * whose file another one covers. Run by procfs-attacks.test.ts.
 */
import { Fixture } from "./supervise-fixture.ts";

await using fixture = new Fixture();
const plan = (parts: object, process: object): ReturnType<Fixture["plan"]> => {
  const spec = fixture.spec(["cat", "/proc/self/oom_score_adj"], { hostname: "" }, process);
  const mounts = [
    { destination: "/proc", type: "bind", source: "/proc", options: ["rbind"] },
    { destination: "/dev", type: "tmpfs" },
  ];
  const namespaces = (["pid", "ipc", "uts", "mount"] as const).map((type) => ({ type }));
  const rootfs = { type: "bind", path: fixture.path("lower") } as const;
  return fixture.plan({ ...spec, mounts, linux: { namespaces, ...parts } }, { rootfs });
};

process.stdout.write((await fixture.run(plan({}, { oomScoreAdj: 321 }))).stdout);
const refused = fixture.run(plan({ sysctl: { "kernel.domainname": "redirected" } }, {}));
process.stdout.write(
  `${await refused.then(
    () => "it was set",
    (error: Error) => error.message,
  )}\n`,
);
