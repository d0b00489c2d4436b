import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { daemonSkipReason, TestDaemon, until } from "../support/daemon.ts";

const reason = daemonSkipReason(["docker", "script"]);
if (reason !== undefined) console.log(`skipped: the docker client on this daemon: ${reason}`);

describe.skipIf(reason !== undefined)("the docker client on this daemon", () => {
  let daemon: TestDaemon;
  beforeAll(async () => {
    daemon = await TestDaemon.start();
  });
  afterAll(async () => {
    await daemon?.[Symbol.asyncDispose]();
  });

  const docker = (...args: string[]) => daemon.docker(args);

  test("negotiates a version and shows the server", async () => {
    const { stdout, status } = await docker("version", "--format", "{{.Server.APIVersion}} {{.Server.Os}}");
    expect([stdout, status]).toEqual(["1.51 linux\n", 0]);
  });

  test("run separates the streams and ends with the container's status", async () => {
    expect(await docker("run", "--rm", "busybox", "sh", "-c", "echo out; echo err >&2; exit 3")).toEqual({
      stdout: "out\n",
      stderr: "err\n",
      status: 3,
    });
  });

  test("input goes in, its end with it, and all of it comes back", async () => {
    const input = "0123456789abcdef".repeat(64 * 1024);
    const { stdout, status } = await daemon.docker(["run", "--rm", "-i", "busybox", "cat"], { input });
    expect([stdout.length, stdout === input, status]).toEqual([input.length, true, 0]);
  });

  test("a missing program ends with 127, one that is a folder with 126, a refused flag with 125", async () => {
    expect((await docker("run", "--rm", "busybox", "nope")).status).toBe(127);
    expect((await docker("run", "--rm", "busybox", "/etc")).status).toBe(126);
    const refused = await docker("run", "--restart", "always", "busybox");
    expect([refused.status, refused.stderr]).toEqual([
      125,
      expect.stringContaining("HostConfig.RestartPolicy (--restart) is not there yet"),
    ]);
  });

  test("what cannot start is told once, and no image is pulled for it", async () => {
    const missing = await docker("run", "--rm", "busybox", "nope");
    expect(missing.stderr).not.toContain("Error waiting for container");
    for (const network of ["nope", "container:nope"]) {
      const { stderr, status } = await docker("run", "--rm", "--network", network, "busybox", "true");
      expect([status, stderr]).toEqual([125, expect.stringMatching(/network nope not found|No such container: nope/)]);
      expect(stderr).not.toContain("Unable to find image");
    }
  });

  test("a file bound on a folder is refused in words, and /etc/mtab shows what is mounted", async () => {
    const bind = await docker("run", "--rm", "-v", "/etc/passwd:/tmp", "busybox", "true");
    expect(bind.stderr).toContain("not a directory");
    expect((await docker("run", "--rm", "busybox", "cat", "/etc/mtab")).stdout).toContain(" /proc proc ");
    await docker("run", "--name", "written", "busybox", "sh", "-c", "echo 1234 > /file");
    expect((await docker("inspect", "-s", "-f", "{{.SizeRw}}", "written")).stdout).toBe("5\n");
    const etc = `${daemon.directory}/etc`;
    mkdirSync(etc);
    for (const name of ["hosts", "hostname", "resolv.conf"]) writeFileSync(`${etc}/${name}`, "");
    const covered = await docker("run", "--rm", "-v", `${etc}:/etc:ro`, "busybox", "echo", "runs");
    expect(covered.stdout).toBe("runs\n");
  });

  test("exec runs in the background, and says why it cannot run", async () => {
    await docker("run", "-d", "--name", "side", "busybox", "sleep", "1000");
    expect(await docker("exec", "-d", "side", "touch", "/made")).toEqual({ stdout: "", stderr: "", status: 0 });
    await until("it has run", async () => (await docker("exec", "side", "ls", "/made")).status === 0);
    const tries: readonly [readonly string[], number, string][] = [
      [["side", "nope"], 127, "executable file not found in $PATH"],
      [["side", "/etc"], 126, "is a directory"],
      [["-u", "nobody2", "side", "true"], 126, "unable to find user nobody2"],
      [["-w", "/nowhere", "side", "true"], 126, "no such file or directory"],
    ];
    for (const [args, status, words] of tries) {
      const expected = { stdout: "", stderr: expect.stringContaining(words), status };
      expect(await docker("exec", ...args)).toEqual(expected);
      expect(await daemon.gantry(["exec", ...args])).toEqual(expected);
    }
    await docker("rm", "-f", "side");
  });

  test("a terminal is one: raw, sized, and left by its detach keys", async () => {
    const script = spawn("script", ["-qec", "docker run --rm -it --name term busybox sh", "/dev/null"], {
      env: {
        ...process.env,
        DOCKER_HOST: `unix://${daemon.socketPath}`,
        DOCKER_CONFIG: daemon.directory,
        TERM: "xterm",
      },
    });
    let screen = "";
    script.stdout.on("data", (bytes: Buffer) => (screen += bytes.toString()));
    const ended = new Promise<number | null>((resolve) => script.once("exit", resolve));
    await until("there is a prompt", () => screen.includes("# "));
    script.stdin.write("tty; echo $((40 + 2))\n");
    await until("the shell answers", () => screen.includes("/dev/pts/0") && screen.includes("42"));
    script.stdin.write("\x10\x11");
    await ended;
    const { stdout } = await docker("inspect", "-f", "{{.State.Status}} {{.Config.Tty}}", "term");
    expect(stdout).toBe("running true\n");
    expect((await docker("rm", "-f", "term")).status).toBe(0);
  });

  test("a container's life: ps, exec, logs, top, stats, pause, kill, wait, rm", async () => {
    const { stdout: id } = await docker("run", "-d", "--name", "life", "busybox", "sh", "-c", "echo up; sleep 1000");
    expect((await docker("ps", "--format", "{{.Names}} {{.Image}} {{.State}}")).stdout).toBe("life busybox running\n");
    expect(await docker("exec", "life", "sh", "-c", "echo in; exit 4")).toEqual({
      stdout: "in\n",
      stderr: "",
      status: 4,
    });
    await until("it has printed", async () => (await docker("logs", "life")).stdout === "up\n");
    expect((await docker("top", "life")).stdout).toContain("sleep 1000");
    expect((await docker("stats", "--no-stream", "--format", "{{.Name}}", "life")).stdout).toBe("life\n");
    await docker("pause", "life");
    expect((await docker("inspect", "-f", "{{.State.Status}}", "life")).stdout).toBe("paused\n");
    await docker("unpause", "life");
    const waiting = docker("wait", "life");
    await docker("kill", "life");
    expect((await waiting).stdout).toBe("137\n");
    expect((await docker("ps", "-a", "--format", "{{.ID}} {{.Status}}")).stdout).toMatch(
      new RegExp(`^${id.slice(0, 12)} Exited \\(137\\) `),
    );
    expect((await docker("rm", "life")).stdout).toBe("life\n");
    expect((await docker("inspect", "life")).stderr).toBe("Error: No such object: life\n");
  });

  test("images are saved, removed and loaded again", async () => {
    const archive = `${daemon.directory}/busybox.tar`;
    await docker("tag", "busybox", "other:1");
    expect((await docker("save", "-o", archive, "other:1")).status).toBe(0);
    expect((await docker("rmi", "other:1")).stdout).toBe("Untagged: other:1\n");
    expect((await docker("load", "-q", "-i", archive)).stdout).toBe("Loaded image: other:1\n");
    expect((await docker("images", "--format", "{{.Repository}}:{{.Tag}}")).stdout).toContain("other:1\n");
  });

  test("what was not asked of the daemon is refused by name, not ignored", async () => {
    expect((await docker("system", "df")).stderr).toContain("docker system df): not there yet");
    expect((await docker("network", "create", "mine")).stderr).toContain("docker network create): not there yet");
  });

  test("nothing is left", async () => {
    await docker("rm", "-f", ...(await docker("ps", "-aq")).stdout.split("\n").filter((id) => id !== ""));
    expect(daemon.leftovers()).toEqual([]);
  });
});
