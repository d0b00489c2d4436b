import { describe, expect, test } from "bun:test";
import { withSubgroups } from "../container/exec-process.ts";
import { parseSignal } from "../container/parse-signal.ts";
import { onlyUsable } from "../container/usable-capabilities.ts";
import { parseInterval } from "./commands/events.ts";
import { processOfFlags } from "./commands/exec.ts";
import { ownerName } from "./commands/list.ts";
import { selectProcesses } from "./commands/ps.ts";
import { formatTable } from "./format-table.ts";
import { GivenFlags } from "./parse-runc-flags.ts";
import { parseSize } from "./parse-size.ts";
import { formatLogLine } from "./runtime-log.ts";

describe("values of the command line", () => {
  test.each<[string, number]>([
    ["9", 9],
    ["KILL", 9],
    ["sigterm", 15],
    ["RTMIN+3", 37],
    ["SIGRTMAX-1", 63],
  ])("signal %s", (text, number) => {
    expect(parseSignal(text)).toBe(number);
  });

  test.each(["BOGUS", "65", "-1", "RTMIN+31", ""])("no signal: %p", (text) => {
    expect(() => parseSignal(text)).toThrow("unknown signal");
  });

  test("sizes", () => {
    expect(["64m", "1.5GiB", "10", "-1", "2kb"].map((text) => parseSize(text, "memory"))).toEqual([
      64 << 20,
      1.5 * 2 ** 30,
      10,
      -1,
      2048,
    ]);
    for (const text of ["x", "1q", "", "-2"])
      expect(() => parseSize(text, "memory")).toThrow("invalid value for memory: invalid size");
  });

  test("intervals", () => {
    expect(["5s", "1m30s", "250ms"].map(parseInterval)).toEqual([5000, 90_000, 250]);
    for (const text of ["0s", "5", "s", "-5s"]) expect(() => parseInterval(text)).toThrow("must be greater than 0");
  });

  test("capabilities that nobody can give go with one warning, ambient ones that cannot be without", () => {
    const warnings: string[] = [];
    const capabilities = {
      bounding: ["CAP_KILL", "CAP_NONESUCH", "CAP_BPF"],
      permitted: ["CAP_KILL"],
      inheritable: [],
      ambient: ["CAP_KILL"],
    };
    const process = onlyUsable(
      { cwd: "/", user: { uid: 0, gid: 0 }, capabilities },
      { available: new Set(["CAP_KILL"]), warn: (message) => warnings.push(message) },
    );
    expect(process.capabilities).toEqual({
      bounding: ["CAP_KILL"],
      permitted: ["CAP_KILL"],
      inheritable: [],
      ambient: [],
    });
    expect(warnings).toEqual([
      "process.capabilities: ignoring unknown or unavailable capabilities: CAP_NONESUCH, CAP_BPF",
    ]);
  });

  test("exec --cap adds nothing that is inherited (CVE-2022-29162)", () => {
    const base = { cwd: "/", user: { uid: 0, gid: 0 }, capabilities: { bounding: ["CAP_KILL"] } };
    const flags = new GivenFlags(new Map([["cap", ["CAP_SYS_ADMIN"]]]));
    expect(processOfFlags(base, flags, ["sh"]).capabilities).toEqual({
      bounding: ["CAP_KILL", "CAP_SYS_ADMIN"],
      effective: ["CAP_SYS_ADMIN"],
      permitted: ["CAP_SYS_ADMIN"],
    });
  });

  test("exec --cgroup stays below the container's groups", () => {
    const folders = [
      { version: 1, path: "/cpu/c" },
      { version: 1, path: "/memory/c" },
    ] as const;
    const folderOf = (name: string): string | undefined => (name === "cpu" ? "/cpu/c" : undefined);
    expect(withSubgroups(folders, ["cpu:inner"], folderOf).map(({ path }) => path)).toEqual([
      "/cpu/c/inner",
      "/memory/c",
    ]);
    expect(withSubgroups(folders, ["/a/b"], folderOf).map(({ path }) => path)).toEqual(["/cpu/c/a/b", "/memory/c/a/b"]);
    expect(() => withSubgroups(folders, ["../x"], folderOf)).toThrow("not below the container's group");
    expect(() => withSubgroups(folders, ["pids:x"], folderOf)).toThrow("no hierarchy for the controllers pids");
  });
});

describe("what is printed", () => {
  test("a table as Go's tabwriter makes it", () => {
    expect(
      formatTable([
        ["ID", "PID", "OWNER"],
        ["a-long-container", "7", "root"],
      ]),
    ).toBe("ID                 PID         OWNER\na-long-container   7           root\n");
  });

  test("ps keeps the lines of the container's processes", () => {
    const output = "UID   PID  CMD\nroot    1  init\nroot   12  sh 1\n";
    expect(selectProcesses(output, new Set([12]))).toBe("UID   PID  CMD\nroot   12  sh 1\n");
    expect(() => selectProcesses("CMD\nx\n", new Set())).toThrow("couldn't find PID field");
  });

  test("owners have names, or numbers", () => {
    expect(["0", "7"].map((uid) => ownerName("root:x:0:0::/:/bin/sh\n", Number(uid)))).toEqual(["root", "#7"]);
  });

  test("lines of the log", () => {
    const now = new Date("2026-01-02T03:04:05.678Z");
    expect(formatLogLine("error", 'a "b"', { format: "text", now })).toBe(
      'time="2026-01-02T03:04:05Z" level=error msg="a \\"b\\""\n',
    );
    expect(formatLogLine("error", "plain", { format: "text", now })).toBe(
      'time="2026-01-02T03:04:05Z" level=error msg=plain\n',
    );
    expect(formatLogLine("warning", "a", { format: "json", now })).toBe(
      '{"level":"warning","msg":"a","time":"2026-01-02T03:04:05Z"}\n',
    );
  });
});
