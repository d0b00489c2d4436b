import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findProgram } from "../../test/support/command.ts";
import { runToEnd } from "../alternate.ts";
import { type EnginePeer, PeerAbsent } from "./peer.ts";

/** podman over runc, with a store of its own. */
export function openPodman(archive: string): EnginePeer {
  const podman = findProgram("podman");
  if (podman === undefined) throw new PeerAbsent("podman is not installed");
  const folder = mkdtempSync(join(tmpdir(), "gantry-bench-podman-"));
  // Without CAP_SYS_RESOURCE it cannot raise the limits that it takes for granted.
  const settings = join(folder, "containers.conf");
  writeFileSync(settings, '[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]\n');
  const environment = { CONTAINERS_CONF: settings };
  const command = [
    ...[podman, "--root", join(folder, "root"), "--runroot", join(folder, "run"), "--runtime", "runc"],
    ...["--cgroup-manager", "cgroupfs", "--events-backend", "file"],
  ];
  runToEnd([...command, "load", "-q", "-i", archive], environment);
  return {
    name: "podman",
    version: runToEnd([...command, "version", "--format", "{{.Client.Version}}"], environment).trim(),
    command,
    environment,
    image: "docker.io/library/busybox:latest",
    daemons: () => [],
    supervisor: "conmon",
    async [Symbol.asyncDispose]() {
      Bun.spawnSync([...command, "rm", "-f", "-a", "-t", "0"], { env: { ...process.env, ...environment } });
      Bun.spawnSync([...command, "system", "reset", "-f"], { env: { ...process.env, ...environment } });
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
