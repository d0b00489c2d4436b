import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { clearHost } from "../support/clear-host.ts";
import { skipReason } from "../support/command.ts";
import { until } from "../support/daemon.ts";

const reason = skipReason({ root: true, programs: ["busybox", "script"] });
const folder = join(tmpdir(), `gantry-e2e-cli-${process.pid}`);
const program = [process.execPath, join(import.meta.dir, "../../src/cli/main.ts")] as const;
const environment = {
  ...process.env,
  GANTRY_ROOT: join(folder, "root"),
  GANTRY_STATE: join(folder, "state"),
  GANTRY_HOST: "",
};

interface Ended {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

interface TraceEvent {
  readonly ph: string;
  readonly name: string;
  readonly ts: number;
  readonly dur: number;
}

interface StartOptions {
  readonly input?: string;
  /** Told of what was printed so far, after each piece. */
  readonly onOutput?: (printed: string, child: ReturnType<typeof spawn>) => void;
}

function start(command: readonly string[], { input, onOutput }: StartOptions = {}): Promise<Ended> {
  const [file = "", ...args] = command;
  const child = spawn(file, args, { env: environment, cwd: folder, stdio: "pipe" });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (bytes) => {
    stdout += bytes;
    onOutput?.(stdout, child);
  });
  child.stderr.on("data", (bytes) => {
    stderr += bytes;
  });
  child.stdin.on("error", () => {}); // it ended without reading
  if (onOutput === undefined || input !== undefined) child.stdin.end(input ?? "");
  return new Promise((resolve) => child.on("close", (status) => resolve({ status: status ?? -1, stdout, stderr })));
}

const gantry = (line: string, options: StartOptions = {}) => start([...program, ...line.split(" ")], options);
const gantryArgs = (args: readonly string[], options: StartOptions = {}) => start([...program, ...args], options);

/** Ends the daemon that a command started: it is no child of ours. */
async function endDaemon(pid: number): Promise<void> {
  process.kill(pid, "SIGTERM");
  await until("the daemon has ended", () => !existsSync(`/proc/${pid}`));
}

/** Types into a terminal that the command runs in: `answers` are sent when their question has been printed. */
function onTerminal(line: string, answers: readonly (readonly [question: RegExp, answer: string])[]): Promise<Ended> {
  const waiting = [...answers];
  return start(
    ["script", "-qefc", `stty rows 33 cols 99; ${program.join(" ")} ${line}; echo "status=$?"; stty -a`, "/dev/null"],
    {
      onOutput(printed, child) {
        const [next] = waiting;
        if (next === undefined || !next[0].test(printed)) return;
        waiting.shift();
        child.stdin?.write(next[1]);
      },
    },
  );
}

describe.skipIf(reason !== undefined)(
  `the command line on a real daemon${reason === undefined ? "" : ` (${reason})`}`,
  () => {
    beforeAll(async () => {
      mkdirSync(folder, { mode: 0o700 });
      const made = await gantry("image from-host -t box /bin/busybox /bin/sh");
      if (made.status !== 0) throw new Error(made.stderr);
    }, 60_000);

    afterAll(async () => {
      const { stdout } = await gantry("ps -aq");
      const ids = stdout
        .trim()
        .split("\n")
        .filter((id) => id !== "");
      if (ids.length > 0) await gantryArgs(["rm", "-fv", ...ids]);
      await endDaemon(Number(readFileSync(join(folder, "state/gantry.pid"), "utf8")));
      await clearHost(join(folder, "root"));
      rmSync(folder, { recursive: true, force: true });
    });

    test("streams stay apart, and the status is the program's", async () => {
      const shell = "echo out; echo err >&2; exit 7";
      expect(await gantryArgs(["run", "--rm", "--network", "none", "box", "sh", "-c", shell])).toEqual({
        status: 7,
        stdout: "out\n",
        stderr: "err\n",
      });
    });

    test("stdin is passed on, byte for byte, and its end too", async () => {
      const input = "0123456789abcde\n".repeat(20_000);
      const { status, stdout } = await gantry("run --rm -i --network none box busybox cat", { input });
      expect({ status, isSame: stdout === input }).toEqual({ status: 0, isSame: true });
    });

    test("a program that is not there is 127, one that cannot be executed 126; nothing is left", async () => {
      expect((await gantry("run --rm --network none box nope")).status).toBe(127);
      expect((await gantry("run --rm --network none box /etc")).status).toBe(126);
      expect((await gantry("ps -aq")).stdout).toBe("");
    });

    test("from-host: runs a program of the host as one line", async () => {
      expect(await gantry("run --rm --network none from-host:/bin/echo hello")).toEqual({
        status: 0,
        stdout: "hello\n",
        stderr: "",
      });
    });

    test("--trace: where the time went, here, in the daemon and in the monitor, on one clock", async () => {
      const path = join(folder, "trace.json");
      expect(await gantryArgs(["run", "--rm", "--trace", path, "box", "busybox", "true"])).toMatchObject({
        status: 0,
        stderr: "",
      });
      const { traceEvents } = JSON.parse(readFileSync(path, "utf8")) as { traceEvents: TraceEvent[] };
      const find = (name: string): TraceEvent | undefined => traceEvents.find((event) => event.name === name);
      const whole = find("gantry run");
      const inOrder = [
        "POST /containers/ID/start",
        "make init and its namespaces",
        "assemble the root",
        "the program runs",
      ];
      const starts = inOrder.map((name) => find(name)?.ts ?? Number.NaN);
      expect(starts).toEqual(starts.toSorted((left, right) => left - right));
      const within = traceEvents.filter((event) => event.ph === "X" && !event.name.startsWith("GET /gantry/traces"));
      expect(within.filter((event) => event.ts < 0 || event.ts > (whole?.dur ?? 0))).toEqual([]);
      const refused = await gantryArgs(["run", "--rm", "--trace", join(folder, "no/folder"), "box", "true"]);
      expect([refused.status, refused.stderr]).toEqual([125, expect.stringContaining("cannot write the trace to ")]);
      expect((await gantry("ps -aq")).stdout).toBe("");
    });

    test("a signal is handed on to the container", async () => {
      const shell = "trap 'echo got; exit 9' TERM; echo ready; while :; do busybox sleep 0.05; done";
      const ended = await gantryArgs(["run", "--rm", "--network", "none", "box", "sh", "-c", shell], {
        onOutput(printed, child) {
          if (printed === "ready\n") child.kill("SIGTERM");
        },
      });
      expect(ended).toMatchObject({ status: 9, stdout: "ready\ngot\n" });
    });

    test("-it: a terminal of the size of ours, the shell's status, and the terminal as it was", async () => {
      const { stdout } = await onTerminal("run --rm -it --network none box sh", [
        [/[#$] $/, "busybox stty size; exit 3\n"],
      ]);
      expect(stdout).toContain("33 99");
      expect(stdout).toContain("status=3");
      expect(stdout).toMatch(/ icanon/);
    });

    test("the detach keys leave a container that goes on", async () => {
      const { stdout } = await onTerminal("run -it --name left --network none box sh", [[/[#$] $/, "\x10\x11"]]);
      expect(stdout).toContain("status=0");
      expect(stdout).toMatch(/ icanon/);
      expect((await gantry("inspect -f {{.State.Status}} left")).stdout).toBe("running\n");
      expect(await gantry("rm -f left")).toEqual({ status: 0, stdout: "left\n", stderr: "" });
    });

    test("the life of a container in the background", async () => {
      const { stdout: id } = await gantryArgs([
        "run",
        "-d",
        "--name",
        "life",
        "--network",
        "none",
        "box",
        "sh",
        "-c",
        "echo one; echo two >&2; exec busybox sleep 1000",
      ]);
      expect(id).toMatch(/^[0-9a-f]{64}\n$/);
      expect((await gantryArgs(["ps", "--format", "{{.Names}} {{.State}} {{.Image}}"])).stdout).toBe(
        "life running box\n",
      );
      expect(await gantry("exec life busybox echo in")).toEqual({ status: 0, stdout: "in\n", stderr: "" });
      expect((await gantry("exec life nope")).status).toBe(127);
      expect(await gantry("logs life")).toEqual({ status: 0, stdout: "one\n", stderr: "two\n" });
      expect((await gantry("top life")).stdout).toContain("busybox sleep 1000");
      expect((await gantryArgs(["stats", "--no-stream", "--format", "{{.Name}} {{.PIDs}}"])).stdout).toBe("life 1\n");
      expect((await gantry("pause life")).stdout).toBe("life\n");
      expect((await gantry("ps")).stdout).toContain("(Paused)");
      expect((await gantry("unpause life")).stdout).toBe("life\n");
      expect((await gantry("kill life")).stdout).toBe("life\n");
      expect(await gantry("wait life")).toEqual({ status: 0, stdout: "137\n", stderr: "" });
      expect((await gantry("rename life after")).status).toBe(0);
      expect((await gantry("rm after")).stdout).toBe("after\n");
      expect(await gantry("rm after")).toEqual({
        status: 1,
        stdout: "",
        stderr: "Error response from daemon: No such container: after\n",
      });
    }, 30_000);

    test("images: tag, save, load, remove", async () => {
      expect((await gantry("tag box other:1")).status).toBe(0);
      expect((await gantry("save -o other.tar other:1")).status).toBe(0);
      expect((await gantry("rmi other:1")).stdout).toBe("Untagged: other:1\n");
      expect((await gantry("load -i other.tar")).stdout).toContain("Loaded image: other:1\n");
      expect((await gantryArgs(["images", "--format", "{{.Repository}}:{{.Tag}}", "other"])).stdout).toContain(
        "other:1\n",
      );
      expect((await gantry("image inspect -f {{.Os}} other:1")).stdout).toBe("linux\n");
    }, 30_000);

    test("events of the past end by themselves", async () => {
      const { status, stdout } = await gantryArgs([
        "events",
        "--since",
        "10m",
        "--until",
        "0s",
        "--filter",
        "event=die",
        "--format",
        "{{.Action}} {{.Actor.Attributes.name}}",
      ]);
      expect(status).toBe(0);
      expect(stdout).toContain("die life\n");
    });
  },
);
