import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { RuntimeBundle, runtimeSkipReason } from "../support/runtime-bundle.ts";

const skip = runtimeSkipReason();
const id = `gantry-test-${process.pid}-exec`;

describe.skipIf(skip !== undefined)("a running container of `gantry runtime`", () => {
  let bundle: RuntimeBundle;
  beforeAll(() => {
    bundle = new RuntimeBundle();
    bundle.write({ process: { args: ["sleep", "1000"] } });
    expect(bundle.run("run", "--detach", id).status).toBe(0);
  });
  afterAll(() => bundle?.[Symbol.dispose]());

  test("exec ends with the program's status", () => {
    expect(bundle.run("exec", id, "sh", "-c", "echo in; exit 5")).toEqual({ status: 5, stdout: "in\n", stderr: "" });
  });

  test("exec's flags", () => {
    const flags = ["--user", "5:6", "--additional-gids", "7", "--cwd", "/tmp", "--env", "COLOR=blue"];
    const { stdout } = bundle.run("exec", ...flags, id, "sh", "-c", "id; pwd; echo $COLOR");
    expect(stdout).toBe("uid=5 gid=6 groups=7\n/tmp\nblue\n");
  });

  test("exec reads a process from a file", () => {
    const file = join(bundle.folder, "process.json");
    writeFileSync(file, JSON.stringify({ args: ["pwd"], cwd: "/dev", env: ["PATH=/bin"], user: { uid: 0, gid: 0 } }));
    expect(bundle.run("exec", "--process", file, id)).toEqual({ status: 0, stdout: "/dev\n", stderr: "" });
  });

  test("a terminal is carried through", () => {
    // Applets name the terminal only if their standard input is one.
    expect(bundle.run("exec", "--tty", id, "sh", "-c", "test -t 1 && echo yes")).toMatchObject({
      status: 0,
      stdout: "yes\r\n",
    });
  });

  test("exec fails with 255, and says why once", () => {
    const { status, stderr } = bundle.run("exec", id, "nonesuch");
    expect(status).toBe(255);
    expect(stderr).toMatch(/^time=\S+ level=error msg="exec failed: .*executable file not found in \$PATH"\n$/);
    expect(bundle.run("exec", id)).toMatchObject({
      status: 255,
      stderr: expect.stringContaining("args cannot be empty"),
    });
  });

  test("a failure is in the log too, as JSON that others read", () => {
    const log = join(bundle.folder, "log.json");
    const { stderr } = bundle.run("--log", log, "--log-format", "json", "exec", id, "nonesuch");
    const entry = JSON.parse(readFileSync(log, "utf8"));
    expect(entry).toEqual({
      level: "error",
      msg: expect.stringContaining("executable file not found"),
      time: expect.any(String),
    });
    expect(stderr).toBe(`${entry.msg}\n`);
  });

  test("a detached process goes on, and is one of the container's", () => {
    const pidFile = join(bundle.folder, "pid");
    expect(bundle.run("exec", "--detach", "--pid-file", pidFile, id, "sleep", "500").status).toBe(0);
    const pid = Number(readFileSync(pidFile, "utf8"));
    expect(existsSync(`/proc/${pid}`)).toBe(true);
    expect(JSON.parse(bundle.run("ps", "--format", "json", id).stdout)).toContain(pid);
  });

  test("list has it in runc's columns", () => {
    const state = JSON.parse(bundle.run("state", id).stdout);
    const [header = "", row = ""] = bundle.run("list").stdout.split("\n");
    expect(header.split(/ +/)).toEqual(["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"]);
    expect(row.split(/ +/)).toEqual([id, String(state.pid), "running", bundle.bundle, state.created, "root"]);
    expect(bundle.run("list", "--quiet").stdout).toBe(`${id}\n`);
    expect(JSON.parse(bundle.run("list", "--format", "json").stdout)).toEqual([{ ...state, owner: "root" }]);
  });

  test("pause and resume", () => {
    expect(bundle.run("pause", id).status).toBe(0);
    expect(JSON.parse(bundle.run("state", id).stdout).status).toBe("paused");
    expect(bundle.run("pause", id).stderr).toContain("container not running");
    expect(bundle.run("exec", id, "true")).toMatchObject({
      status: 255,
      stderr: expect.stringContaining("cannot exec in a paused container"),
    });
    expect(bundle.run("resume", id).status).toBe(0);
    expect(bundle.run("resume", id).stderr).toContain("container not paused");
  });

  test("update changes limits, and events prints what is used", () => {
    expect(bundle.run("update", "--pids-limit", "77", "--memory", "64m", id)).toEqual({
      status: 0,
      stdout: "",
      stderr: "",
    });
    const { type, id: name, data } = JSON.parse(bundle.run("events", "--stats", id).stdout);
    expect({ type, name }).toEqual({ type: "stats", name: id });
    expect(data.pids.limit).toBe(77);
    expect(data.memory.usage.limit).toBe(64 * 1024 * 1024);
    if (!existsSync("/sys/fs/resctrl/info"))
      expect(bundle.run("update", "--l3-cache-schema", "L3:0=f", "--pids-limit", "78", id)).toMatchObject({
        status: 1,
        stderr: expect.stringContaining("this host has no resctrl file system"),
      });
    expect(JSON.parse(bundle.run("events", "--stats", id).stdout).data.pids.limit).toBe(77);
    expect(bundle.run("update", "--memory", "x", id)).toMatchObject({
      status: 1,
      stderr: expect.stringContaining("invalid size"),
    });
  });
});
