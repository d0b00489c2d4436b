import { afterAll, describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checkoutProgram, daemonSkipReason, TestDaemon } from "../support/daemon.ts";

const reason = daemonSkipReason();
if (reason !== undefined) console.log(`skipped: ${reason}`);
const scratch = mkdtempSync(join(tmpdir(), "gantry-odd-"));
const entry = join(import.meta.dir, "../../src/cli/main.ts");
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

interface Places {
  readonly root: string;
  readonly state: string;
  readonly socket?: string;
}

function flagsOf({ root, state, socket = join(state, "gantry.sock") }: Places): string[] {
  return ["--root", root, "--state", state, "--host", `unix://${socket}`];
}

/** A daemon that is expected to refuse: it is killed should it serve. */
function refusal(places: Places): { readonly status: number | null; readonly stderr: string } {
  const { status, stderr } = spawnSync(process.execPath, [entry, ...flagsOf(places), "daemon"], {
    encoding: "utf8",
    timeout: 20_000,
    killSignal: "SIGKILL",
  });
  return { status, stderr };
}

describe.skipIf(reason !== undefined)("on an odd host", () => {
  test("a daemon that a careful umask started gives containers folders that their users can enter", async () => {
    const umask = process.umask(0o077);
    try {
      await using daemon = await TestDaemon.start();
      const asNobody = ["run", "--rm", "-u", "nobody", "-v", "things:/things"];
      const { stdout, stderr, status } = await daemon.gantry([
        ...asNobody,
        "busybox",
        "sh",
        "-c",
        "stat -c %a / /etc/hosts /things; head -1 /etc/hosts",
      ]);
      expect({ stdout, stderr, status }).toEqual({
        stdout: "755\n644\n755\n127.0.0.1\tlocalhost\n",
        stderr: "",
        status: 0,
      });
    } finally {
      process.umask(umask);
    }
  });

  test("a daemon outlives whoever reads what it prints", async () => {
    const config = join(scratch, "registry.toml");
    writeFileSync(config, 'listen = "127.0.0.1:0"\naccess-log = "-"\n');
    // What reads it ends when the daemon is ready.
    const start = `exec "$@" --registry-config ${config} > >(sed -u "/ready at/q" >&2) 2>&1`;
    await using daemon = new TestDaemon({}, ["bash", "-c", start, "bash", ...checkoutProgram]);
    await daemon.up();
    const address = /serves at (\S+)/.exec(daemon.log)?.[1];
    for (let count = 0; count < 20; count++) expect((await fetch(`http://${address}/v2/`)).status).toBe(200);
    expect((await daemon.api().info()).DockerRootDir).toBe(daemon.root);
  });

  test("a working folder that is gone stops only what needs it", async () => {
    await using daemon = await TestDaemon.start();
    const there = { root: daemon.root, state: daemon.state };
    const from = (args: readonly string[]) => {
      const gone = mkdtempSync(join(scratch, "gone-"));
      const script = 'cd "$1" && rmdir "$1" && shift && exec "$@"';
      const command = [process.execPath, entry, ...flagsOf(there), ...args];
      const { status, stdout, stderr } = spawnSync("sh", ["-c", script, "sh", gone, ...command], { encoding: "utf8" });
      return { status, stdout, stderr };
    };
    expect(from(["run", "--rm", "-v", "/etc:/host:ro", "busybox", "echo", "hello"])).toEqual({
      status: 0,
      stdout: "hello\n",
      stderr: "",
    });
    const needs = from(["run", "--rm", "-v", "./here:/there", "busybox", "true"]);
    expect([needs.status, needs.stderr.split("\n")[0]]).toEqual([
      125,
      "gantry: the working folder does not exist any more (change to one that does)",
    ]);
  });

  test("a second daemon does not take the state folder, or the socket, of one that serves", async () => {
    await using daemon = await TestDaemon.start({ busybox: false });
    const root = join(scratch, "second");
    const sameState = refusal({ root, state: daemon.state, socket: join(scratch, "second.sock") });
    expect(sameState).toEqual({
      status: 1,
      stderr: `gantry: ${daemon.state} is in use by process ${daemon.pid} (each daemon needs a state folder of its own: choose another --state)\n`,
    });
    const sameSocket = refusal({ root, state: join(scratch, "second-state"), socket: daemon.socketPath });
    expect(sameSocket).toEqual({
      status: 1,
      stderr: `gantry: cannot listen on ${daemon.socketPath}: another process serves there (choose another --host)\n`,
    });
    expect((await daemon.gantry(["info", "--format", "{{.DockerRootDir}}"])).stdout.trim()).toBe(daemon.root);
  });

  test("what is no socket is not removed to make room for one; a socket that nobody serves is", async () => {
    const state = join(scratch, "occupied");
    mkdirSync(state);
    const socket = join(state, "gantry.sock");
    writeFileSync(socket, "precious");
    const places = { root: join(scratch, "occupied-root"), state };
    expect(refusal(places)).toEqual({
      status: 1,
      stderr: `gantry: cannot listen on ${socket}: something that is no socket is there (move it away, or choose another --host)\n`,
    });
    expect(readFileSync(socket, "utf8")).toBe("precious");
    await using daemon = new TestDaemon();
    mkdirSync(daemon.state, { recursive: true });
    const dead = createServer();
    await new Promise<void>((resolve) => dead.listen(join(daemon.state, "dead.sock"), resolve));
    // A hard link keeps the name when the server that bound it closes and unlinks its own.
    spawnSync("ln", [join(daemon.state, "dead.sock"), daemon.socketPath]);
    await new Promise((resolve) => dead.close(resolve));
    await daemon.up();
    expect((await daemon.gantry(["ps"])).status).toBe(0);
  });

  test("a root or state that is a file is said in words", () => {
    const file = join(scratch, "file");
    writeFileSync(file, "");
    const folder = (name: string) => join(scratch, name);
    expect(refusal({ root: file, state: folder("state-of-file") })).toEqual({
      status: 1,
      stderr: `gantry: cannot make the folder ${file}: EEXIST: file already exists (choose another --root)\n`,
    });
    expect(refusal({ root: folder("root"), state: file, socket: folder("s.sock") })).toEqual({
      status: 1,
      stderr: `gantry: cannot make the folder ${file}: EEXIST: file already exists (choose another --state)\n`,
    });
  });
});
