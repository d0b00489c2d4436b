import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { clearHost } from "../support/clear-host.ts";
import { skipReason } from "../support/command.ts";
import { until } from "../support/daemon.ts";

const reason = skipReason({ root: true, programs: ["busybox"] });
if (reason !== undefined) console.log(`skipped: a daemon that commands start: ${reason}`);

const program = [process.execPath, join(import.meta.dir, "../../src/cli/main.ts")] as const;

describe.skipIf(reason !== undefined)("a daemon that commands start", () => {
  let folder: string;
  let root: string;
  let state: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "gantry-self-"));
    root = join(folder, "root");
    state = join(folder, "state");
  });

  afterEach(async () => {
    const ids = (await gantry(["ps", "-aq"])).stdout.split("\n").filter(Boolean);
    if (ids.length > 0) await gantry(["rm", "-f", ...ids]);
    const daemon = daemonPid();
    process.kill(daemon, "SIGTERM");
    await until("the daemon has ended", () => !isRunning(daemon));
    await clearHost(root);
    rmSync(folder, { recursive: true, force: true });
  });

  /** @param build the build that the command and the daemon that it starts take themselves for. */
  async function gantry(args: readonly string[], build = "one") {
    const child = Bun.spawn([...program, ...args], {
      stdio: ["ignore", "pipe", "pipe"],
      cwd: folder,
      env: { ...process.env, GANTRY_ROOT: root, GANTRY_STATE: state, GANTRY_HOST: "", GANTRY_BUILD_ID: build },
    });
    const [stdout, stderr] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
    return { status: await child.exited, stdout, stderr };
  }

  const daemonPid = (): number => Number(readFileSync(join(state, "gantry.pid"), "utf8"));

  /** One that has ended and that nobody has asked about has no command line any more. */
  function isRunning(pid: number): boolean {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, "utf8") !== "";
    } catch {
      return false;
    }
  }

  test("commands that come at the same time get one", async () => {
    const answers = await Promise.all(Array.from({ length: 6 }, () => gantry(["info", "--format", "{{.ID}}"])));
    expect(new Set(answers.map(({ stdout }) => stdout)).size).toBe(1);
    expect(answers.map(({ status, stderr }) => [status, stderr])).toEqual(answers.map(() => [0, ""]));
    const log = readFileSync(join(state, "daemon.log"), "utf8");
    expect(log).not.toContain("in use");
  });

  test("one of another build is replaced, and no container notices", async () => {
    await gantry(["image", "from-host", "-t", "box", "/bin/busybox"]);
    const gate = join(folder, "gate");
    mkdirSync(gate);
    const count =
      "i=0; while [ ! -e /gate/open ] || [ $i -lt 20 ]; do echo line $i; i=$((i+1)); sleep 0.1; done; exit 9";
    const run = ["run", "-d", "-v", `${gate}:/gate`, "box", "busybox", "sh", "-c", count];
    const { stdout: id } = await gantry(run);
    const [old, process] = [daemonPid(), await gantry(["inspect", "-f", "{{.State.Pid}}", id.trim()])];
    expect((await gantry(["inspect", "-f", "{{.State.Pid}}", id.trim()], "two")).stdout).toBe(process.stdout);
    expect([daemonPid() === old, isRunning(old)]).toEqual([false, false]);
    writeFileSync(join(gate, "open"), "");
    expect((await gantry(["wait", id.trim()], "two")).stdout).toBe("9\n");
    const printed = (await gantry(["logs", id.trim()], "two")).stdout.split("\n");
    expect(printed).toEqual([...printed.slice(0, -1).map((_, index) => `line ${index}`), ""]);
    expect(printed.length).toBeGreaterThan(20);
  });

  test("one that somebody started by hand is left alone", async () => {
    const daemon = Bun.spawn([...program, "--root", root, "--state", state, "daemon"], {
      stdio: ["ignore", "ignore", "ignore"],
      env: { ...process.env, GANTRY_HOST: "", GANTRY_BUILD_ID: "hand" },
    });
    // Not by a command: one that is quicker than this daemon would start another.
    const ping = (): Promise<Response> => fetch("http://gantry/_ping", { unix: join(state, "gantry.sock") });
    await until("it answers", () =>
      ping().then(
        ({ ok }) => ok,
        () => false,
      ),
    );
    expect((await gantry(["ps", "-q"], "two")).status).toBe(0);
    expect(daemonPid()).toBe(daemon.pid);
  });
});
