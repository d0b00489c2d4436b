import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findProgram } from "../../test/support/command.ts";
import { runToEnd } from "../alternate.ts";
import { isThere } from "./gantry.ts";
import { type EnginePeer, PeerAbsent } from "./peer.ts";

/** A dockerd of its own: folders, socket, bridge addresses and mounts that no other has. */
export async function startDocker(archive: string): Promise<EnginePeer> {
  const [dockerd, docker] = [findProgram("dockerd"), findProgram("docker")];
  if (dockerd === undefined || docker === undefined) throw new PeerAbsent("docker is not installed");
  // Every dockerd has the same bridge: another one's is not to be touched.
  if (existsSync("/sys/class/net/docker0")) throw new PeerAbsent("another dockerd runs here");
  const folder = mkdtempSync(join(tmpdir(), "gantry-bench-docker-"));
  const place = (name: string): string => join(folder, name);
  const log = openSync(place("log"), "w");
  const child = Bun.spawn(
    [
      ...["unshare", "--mount", "--propagation", "private", dockerd],
      ...["--data-root", place("data"), "--exec-root", place("exec"), "--pidfile", place("pid")],
      ...["--host", `unix://${place("sock")}`, "--bip", "10.203.17.1/24"],
    ],
    { stdio: ["ignore", log, log] },
  );
  closeSync(log);
  const command = [docker, "--host", `unix://${place("sock")}`];
  for (let tries = 0; ; tries++) {
    if (existsSync(place("sock")) && Bun.spawnSync([...command, "version"]).exitCode === 0) break;
    if (child.exitCode !== null || tries > 300) {
      throw new PeerAbsent(`dockerd does not start: ${readFileSync(place("log"), "utf8").trim().split("\n").at(-1)}`);
    }
    await Bun.sleep(100);
  }
  runToEnd([...command, "load", "-q", "-i", archive]);
  const daemons = (): readonly number[] => {
    const pids = ["pid", "exec/containerd/containerd.pid"].map((name) => readFileSync(place(name), "utf8"));
    return pids.map(Number);
  };
  return {
    name: "docker",
    version: runToEnd([...command, "version", "--format", "{{.Server.Version}}"]).trim(),
    command,
    environment: {},
    image: "busybox",
    daemons,
    supervisor: "containerd-shim",
    async [Symbol.asyncDispose]() {
      const ids = runToEnd([...command, "ps", "-aq"])
        .split("\n")
        .filter(Boolean);
      if (ids.length > 0) runToEnd([...command, "rm", "-f", ...ids]);
      const [pid = 0] = daemons();
      process.kill(pid, "SIGTERM");
      await child.exited;
      while (isThere(pid)) await Bun.sleep(10);
      Bun.spawnSync(["ip", "link", "del", "docker0"]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
