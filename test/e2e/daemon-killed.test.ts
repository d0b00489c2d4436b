import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { ChildProcess } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readStartTime } from "../../src/platform/process-identity.ts";
import { monitorOf, takeCensus } from "../crash/host-census.ts";
import { daemonSkipReason, TestDaemon, until } from "../support/daemon.ts";

const skip = daemonSkipReason(["nft"]);
if (skip !== undefined) console.log(`skipped: ${skip}`);

/** Prints so many numbered lines on both streams, then ends with 7. */
const count = (last: number) =>
  `i=0; while [ $i -lt ${last} ]; do echo out $i; echo err $i >&2; i=$((i+1)); usleep 1000; done; exit 7`;

/** As `count`, but in the middle it waits until there is the file `go` in the folder that it has at /host. */
const countGated = (last: number) =>
  count(last).replace("usleep", `[ $i -ne ${last / 2} ] || while [ ! -e /host/go ]; do usleep 5000; done; usleep`);

const lines = (word: string, last: number) =>
  Array.from({ length: last }, (_, number) => `${word} ${number}\n`).join("");

interface Finished {
  stdout: string;
  stderr: string;
  status: number | null;
}

/** What a command prints and ends with, to be looked at while it runs. */
function watch(child: ChildProcess): Finished & { readonly ended: Promise<Finished> } {
  const seen = { stdout: "", stderr: "", status: null as number | null };
  child.stdout?.on("data", (chunk: Buffer) => (seen.stdout += chunk.toString()));
  child.stderr?.on("data", (chunk: Buffer) => (seen.stderr += chunk.toString()));
  const ended = new Promise<Finished>((resolve) =>
    child.once("close", (status) => resolve(Object.assign(seen, { status }))),
  );
  return Object.assign(seen, { ended });
}

/** A folder for a container that waits until its gate is opened. */
function makeGate(): Disposable & { readonly directory: string; open(): void } {
  const directory = mkdtempSync(join(tmpdir(), "gantry-gate-"));
  return {
    directory,
    open: () => writeFileSync(join(directory, "go"), ""),
    [Symbol.dispose]: () => rmSync(directory, { recursive: true, force: true }),
  };
}

/** Resolves when so many clients have been connected to a daemon for a while: longer than any short call takes. */
async function connected(daemon: TestDaemon, count: number): Promise<void> {
  let looks = 0;
  await until(`${count} clients are connected`, () => {
    // The daemon's ends have the socket's path; 03 is "connected" (net/unix/af_unix.c, unix_seq_show).
    const sockets = readFileSync("/proc/net/unix", "utf8").split("\n");
    const found = sockets.filter((line) => line.endsWith(` ${daemon.socketPath}`) && line.split(" ")[5] === "03");
    looks = found.length === count ? looks + 1 : 0;
    return looks === 10;
  });
}

describe.skipIf(skip !== undefined)("commands while the daemon is killed", () => {
  let daemon: TestDaemon;
  beforeAll(async () => {
    daemon = await TestDaemon.start();
  }, 60_000);
  afterAll(async () => {
    await daemon[Symbol.asyncDispose]();
  });

  test.each([[], ["--rm"]])("run %p gives the whole output and the exit code", async (...flags) => {
    const command = watch(daemon.spawn(["run", ...flags, "busybox", "sh", "-c", count(600)]));
    for (const seen of ["out 50\n", "out 250\n"]) {
      await until(`it has printed ${seen}`, () => command.stdout.includes(seen));
      await daemon.down("SIGKILL");
      await daemon.up();
    }
    expect(await command.ended).toMatchObject({ stdout: lines("out", 600), stderr: lines("err", 600), status: 7 });
  });

  test("run --rm: what ended while there was no daemon is told by the next, which has removed it", async () => {
    using gate = makeGate();
    const args = ["--rm", "-v", `${gate.directory}:/host`, "busybox", "sh", "-c", countGated(200)];
    const command = watch(daemon.spawn(["run", ...args]));
    await until("it prints", () => command.stdout.includes("out 20\n"));
    const { stdout } = await daemon.gantry(["ps", "-q", "--no-trunc"]);
    const id = stdout.trim();
    const record = join(daemon.root, "containers", id, "exit.json");
    await daemon.down("SIGKILL");
    gate.open();
    await until("it has ended", () => existsSync(record));
    await daemon.up();
    expect(await command.ended).toMatchObject({ stdout: lines("out", 200), stderr: lines("err", 200), status: 7 });
    expect((await daemon.gantry(["ps", "-aq", "--no-trunc"])).stdout).not.toContain(id);
    expect(await (await daemon.api().waitContainer(id)).result).toEqual({ StatusCode: 7 });
    await daemon.down("SIGKILL");
    await daemon.up();
    expect(await daemon.gantry(["wait", id])).toMatchObject({ stdout: "7\n", status: 0 });
  });

  test("a daemon that a command had started is started anew by the command", async () => {
    using gate = makeGate();
    await using other = await TestDaemon.start();
    await other.down();
    const pid = () => Number(readFileSync(join(other.state, "gantry.pid"), "utf8"));
    const args = ["--rm", "-v", `${gate.directory}:/host`, "busybox", "sh", "-c", countGated(200)];
    const command = watch(other.spawn(["run", ...args]));
    await until("it prints", () => command.stdout.includes("out 20\n"));
    const first = pid();
    process.kill(first, "SIGKILL");
    gate.open();
    expect(await command.ended).toMatchObject({ stdout: lines("out", 200), stderr: lines("err", 200), status: 7 });
    expect(pid()).not.toBe(first);
  });

  test("wait and logs -f go on", async () => {
    using gate = makeGate();
    const args = ["-d", "--name", "counts", "-v", `${gate.directory}:/host`, "busybox", "sh", "-c", countGated(400)];
    expect((await daemon.gantry(["run", ...args])).status).toBe(0);
    const wait = watch(daemon.spawn(["wait", "counts"]));
    const logs = watch(daemon.spawn(["logs", "-f", "--timestamps", "counts"]));
    await until("the log is followed", () => logs.stdout.includes(" out 50\n"));
    await connected(daemon, 2);
    gate.open();
    await daemon.down("SIGKILL");
    await daemon.up();
    const { stdout, stderr, status } = await logs.ended;
    const texts = (output: string) => output.replaceAll(/^\S+ /gm, "");
    expect([texts(stdout), texts(stderr), status]).toEqual([lines("out", 400), lines("err", 400), 0]);
    expect(await wait.ended).toMatchObject({ stdout: "7\n", status: 0 });
    await daemon.gantry(["rm", "counts"]);
  });

  test("attach goes on, and gives the exit code", async () => {
    using gate = makeGate();
    const args = ["-d", "--name", "joined", "-v", `${gate.directory}:/host`, "busybox", "sh", "-c", countGated(400)];
    expect((await daemon.gantry(["run", ...args])).status).toBe(0);
    const command = watch(daemon.spawn(["attach", "--no-stdin", "joined"]));
    await connected(daemon, 2);
    await daemon.down("SIGKILL");
    await daemon.up();
    const said = "gantry: the daemon was restarted: what was printed meanwhile is missing here\n";
    await until("it is back", () => command.stderr.includes(said));
    gate.open();
    const { stdout, stderr, status } = await command.ended;
    // Where in the log it stood nobody had told, since it was printing already: it has what is printed when it is back.
    const numbers = [...stdout.matchAll(/^out (\d+)$/gm)].map(([, number]) => Number(number));
    expect(numbers).toEqual([...new Set(numbers)].sort((left, right) => left - right));
    expect({ last: numbers.at(-1), status, isSaidOnce: stderr.split(said).length === 2 }).toEqual({
      ...{ last: 399, status: 7, isSaidOnce: true },
    });
    await daemon.gantry(["rm", "joined"]);
  });

  test("exec says in one sentence what is lost, and its program goes on", async () => {
    using gate = makeGate();
    const args = ["-d", "--name", "host", "-v", `${gate.directory}:/host`, "busybox", "sleep", "1000"];
    expect((await daemon.gantry(["run", ...args])).status).toBe(0);
    const script = "echo begins; while [ ! -e /host/go ]; do usleep 5000; done; echo goes on >/host/seen";
    const command = watch(daemon.spawn(["exec", "host", "sh", "-c", script]));
    await until("it begins", () => command.stdout === "begins\n");
    await daemon.down("SIGKILL");
    await daemon.up();
    expect(await command.ended).toMatchObject({
      ...{ stdout: "begins\n", status: 125 },
      stderr:
        "gantry: the daemon was restarted: the program goes on without us, what it prints and its exit code are lost (see gantry top host)\n",
    });
    gate.open();
    await until("the program has gone on", () => existsSync(join(gate.directory, "seen")));
    await daemon.gantry(["rm", "-f", "host"]);
  });

  test("run -i says that stdin is lost, and gives the output all the same", async () => {
    const child = daemon.spawn(["run", "--rm", "-i", "busybox", "sh", "-c", `cat; ${count(100)}`]);
    const command = watch(child);
    child.stdin?.write("typed\n");
    await until("it echoes", () => command.stdout === "typed\n");
    await daemon.down("SIGKILL");
    await daemon.up();
    const { stdout, stderr, status } = await command.ended;
    expect([stdout, status]).toEqual([`typed\n${lines("out", 100)}`, 7]);
    expect(stderr).toBe(
      `gantry: the daemon was restarted: what we read from here on does not reach the container\n${lines("err", 100)}`,
    );
  });
});

describe.skipIf(skip !== undefined)("when a monitor is killed", () => {
  test.each([true, false])(
    "its container is killed and recorded as 137, whether the daemon lives (%p) or not",
    async (lives) => {
      await using daemon = await TestDaemon.start();
      const { stdout } = await daemon.gantry(["run", "-d", "busybox", "sleep", "1000"]);
      const id = stdout.trim();
      const { State: before } = await daemon.api().inspectContainer(id);
      const waiting = lives ? watch(daemon.spawn(["wait", id])) : undefined;
      if (!lives) await daemon.down("SIGKILL");
      process.kill(monitorOf(id) ?? Number.NaN, "SIGKILL");
      if (!lives) await daemon.up();
      const waited = waiting === undefined ? daemon.gantry(["wait", id]) : waiting.ended;
      expect(await waited).toMatchObject({ stdout: "137\n", status: 0 });
      expect((await daemon.api().inspectContainer(id)).State).toMatchObject({
        Status: "exited",
        ExitCode: 137,
        Error: "monitor lost: it was killed, so that nobody knows how the container ended",
      });
      expect(readStartTime(before.Pid)).toBeUndefined();
      expect(await daemon.gantry(["wait", id])).toMatchObject({ stdout: "137\n" });
      expect(await takeCensus(daemon, new Set([id]))).toEqual([]);
    },
  );
});
