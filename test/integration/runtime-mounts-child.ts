import { mkdirSync } from "node:fs";
import { hostMounts } from "../support/host-mounts.ts";
import { HostMounts, parseMountInfo, type TrialOptions, tryMounts } from "./runtime-mounts-fixture.ts";
import { Fixture } from "./supervise-fixture.ts";

/**
 * A host whose mounts are all shared, as systemd has them: started in a mount namespace of its own, it runs one container
 * and tells what that saw, and what its host had before, and after the script had made mounts.
 */
const { script, trial } = JSON.parse(process.argv[2] ?? "") as { script: string; trial: TrialOptions };
await using fixture = new Fixture();
using host = new HostMounts();
mkdirSync(fixture.path("volume"));
host.mount(fixture.path("volume"), "-t", "tmpfs", "tmpfs");
mkdirSync(fixture.path("volume/inner"));
host.mount(fixture.path("lower"), "--bind", fixture.path("lower"));
mkdirSync(fixture.path("lower/below"));
host.mount(fixture.path("lower/below"), "-t", "tmpfs", "tmpfs");
const list = (): string[] =>
  parseMountInfo(hostMounts(fixture.directory).join("\n")).map(
    ({ path, propagation }) => `${path.replace(fixture.directory, "")} ${propagation}`,
  );
const before = list();
const place = (text: string): string => text.replace("@", fixture.directory);
const mounts = trial.mounts?.map((mount) => ({ ...mount, source: place(mount.source ?? "") }));
const { stdout, stderr } = await tryMounts(fixture, script, {
  ...trial,
  ...(mounts === undefined ? {} : { mounts }),
  plan: { rootfs: { type: "bind", path: fixture.path("lower") } },
});
process.stdout.write(JSON.stringify({ stdout, stderr, before, after: list() }));
