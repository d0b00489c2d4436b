import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { fakeApi, runMain } from "../../test/support/cli-double.ts";
import { ApiError } from "../api/api-error.ts";
import { COMMANDS } from "./command-tree.ts";
import { PROGRAM_VERSION } from "./version.ts";

const RUN_USAGE = "Usage:  gantry run [OPTIONS] IMAGE [COMMAND] [ARG...]";
const RUN_HELP = "Run 'gantry run --help' for more information";

// What Docker says in the same place, with our name; statuses are Docker's.
const REFUSED: readonly (readonly [line: string, status: number, stderr: string])[] = [
  ["run --foo x", 125, `unknown flag: --foo\n\n${RUN_USAGE}\n\n${RUN_HELP}\n`],
  ["run -Z x", 125, `unknown shorthand flag: 'Z' in -Z\n\n${RUN_USAGE}\n\n${RUN_HELP}\n`],
  ["run --name", 125, `flag needs an argument: --name\n\n${RUN_USAGE}\n\n${RUN_HELP}\n`],
  ["run", 1, `gantry: 'gantry run' requires at least 1 argument\n\n${RUN_USAGE}\n\n${RUN_HELP}\n`],
  [
    "run -m x y",
    125,
    `invalid argument "x" for "-m, --memory" flag: invalid size: 'x'\n\n${RUN_USAGE}\n\n${RUN_HELP}\n`,
  ],
  ["run --gpus all x", 125, `gantry: unsupported: --gpus is not there yet\n\n${RUN_HELP}\n`],
  ["run --restart always x", 125, `gantry: unsupported: --restart is not there yet\n\n${RUN_HELP}\n`],
  ["run -p 80:xx y", 125, `gantry: invalid containerPort: xx\n\n${RUN_HELP}\n`],
  ["run --env-file /nowhere y", 125, `gantry: open /nowhere: no such file or directory\n\n${RUN_HELP}\n`],
  [
    "run --security-opt seccomp=/nowhere y",
    125,
    `gantry: opening seccomp profile (/nowhere) failed: open /nowhere: no such file or directory\n\n${RUN_HELP}\n`,
  ],
  [
    "run --pull x y",
    125,
    `gantry: invalid pull option: 'x': must be one of "always", "missing" or "never"\n\n${RUN_HELP}\n`,
  ],
  ["run -it y", 1, "the input device is not a TTY\n"],
  [
    "rn",
    1,
    "gantry: unknown command: gantry rn\n\nDid you mean 'rm' or 'run' or 'rmi'?\n\nRun 'gantry --help' for more information\n",
  ],
  [
    "compose up",
    1,
    "gantry: unsupported: gantry compose is not there yet; start the containers one by one with `gantry run`\n",
  ],
  [
    "ps x",
    1,
    "gantry: 'gantry ps' accepts no arguments\n\nUsage:  gantry ps [OPTIONS]\n\nRun 'gantry ps --help' for more information\n",
  ],
  [
    "logs",
    1,
    "gantry: 'gantry logs' requires 1 argument\n\nUsage:  gantry logs [OPTIONS] CONTAINER\n\nRun 'gantry logs --help' for more information\n",
  ],
  [
    "ps -f foo",
    125,
    `invalid argument "foo" for "-f, --filter" flag: bad format of filter (expected name=value)\n\nUsage:  gantry ps [OPTIONS]\n\nRun 'gantry ps --help' for more information\n`,
  ],
];

describe("commandLine", () => {
  for (const [line, status, stderr] of REFUSED) {
    test(`refuses \`gantry ${line}\``, async () => {
      expect(await runMain(line.split(" "))).toEqual({ status, stdout: "", stderr });
    });
  }

  test("the version is that of the package", async () => {
    const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
    expect(PROGRAM_VERSION).toBe(version);
    expect(await runMain(["--version"])).toMatchObject({ status: 0, stdout: `Gantry version ${version}\n` });
  });

  test("every command loads, and has a help with its summary", async () => {
    for (const { paths, summary } of COMMANDS) {
      const { status, stdout } = await runMain([...(paths[0] ?? "").split(" "), "--help"]);
      expect({ status, isTold: stdout.startsWith("Usage:  gantry ") && stdout.includes(summary) }).toEqual({
        status: 0,
        isTold: true,
      });
    }
  });

  test("what the daemon refuses is marked as its own", async () => {
    const api = fakeApi({
      async inspectContainer(name) {
        throw new ApiError(404, `No such container: ${name}`);
      },
    });
    expect(await runMain(["container", "inspect", "x"], { api })).toEqual({
      status: 1,
      stdout: "[]\n",
      stderr: "Error response from daemon: No such container: x\n",
    });
  });

  test("what is said of one target of many is marked as Gantry's, as what is said of the only one", async () => {
    const names = ["registry.example/app", "registry.example/tool"];
    const hint = "(name what is to go: REPOSITORY:TAG, or REPOSITORY@sha256:… with all of its tags)";
    expect(await runMain(["image", "rm-remote", ...names])).toEqual({
      status: 1,
      stdout: "",
      stderr: names.map((name) => `gantry: ${name} names a repository and nothing in it ${hint}\n`).join(""),
    });
  });

  test("a creation that fails is 1 and the daemon's sentence; one that cannot be described is 125 and a word on the help", async () => {
    const api = fakeApi({
      async createContainer() {
        throw new ApiError(409, "the name is taken");
      },
    });
    expect(await runMain(["create", "--name", "x", "box"], { api })).toEqual({
      status: 1,
      stdout: "",
      stderr: "Error response from daemon: the name is taken\n",
    });
    expect(await runMain(["create", "--pull", "now", "box"], { api })).toMatchObject({
      status: 125,
      stderr: expect.stringContaining("Run 'gantry create --help' for more information"),
    });
  });

  test("a reader that is gone ends the command quietly", async () => {
    const api = fakeApi({ listImages: async () => [] });
    expect(await runMain(["images"], { api, breaksAfter: 0 })).toEqual({ status: 141, stdout: "", stderr: "" });
  });
});
