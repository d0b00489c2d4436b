import { describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type FakeTerminalOptions, fakeApi, fakeTerminal, frames, runMain } from "../../../test/support/cli-double.ts";
import { ApiError } from "../../api/api-error.ts";
import type { CreateContainerRequest } from "../../api/container-config.ts";
import type { EngineApi } from "../../api/engine-api.ts";
import type { OutputFrame } from "../../api/stdio-connection.ts";

interface Played {
  readonly calls: string[];
  readonly requests: CreateContainerRequest[];
  readonly typed: string[];
  readonly signals: string[];
  readonly api: EngineApi;
}

interface Play {
  readonly output?: AsyncIterable<OutputFrame>;
  readonly exitCode?: number;
  /** The image is missing until it is pulled. */
  readonly isMissing?: boolean;
  readonly startError?: Error;
}

/** A daemon that plays one container. */
function play({ output = frames(), exitCode = 0, isMissing = false, startError }: Play = {}): Played {
  const calls: string[] = [];
  const requests: CreateContainerRequest[] = [];
  const typed: string[] = [];
  const signals: string[] = [];
  let isThere = !isMissing;
  const api = fakeApi(
    {
      async createContainer(request) {
        requests.push(request);
        if (!isThere) throw new ApiError(404, `No such image: ${request.Image}`);
        return { Id: "c0ffee", Warnings: [] };
      },
      async pullImage({ fromImage, tag }) {
        isThere = true;
        return (async function* () {
          yield { id: tag ?? "", status: `Pulling from ${fromImage}` };
          yield { id: "abc", status: "Downloading", progressDetail: { current: 1, total: 2 } };
          yield { id: "abc", status: "Pull complete", progressDetail: {} };
        })();
      },
      async attachContainer() {
        return {
          output,
          async write(bytes) {
            typed.push(Buffer.from(bytes).toString());
          },
          async closeStdin() {
            typed.push("<end>");
          },
          close() {},
        };
      },
      waitContainer: async () => ({ result: Promise.resolve({ StatusCode: exitCode }) }),
      async startContainer() {
        if (startError !== undefined) throw startError;
        return true;
      },
      async killContainer(_, { signalName } = {}) {
        signals.push(signalName ?? "");
      },
      resizeContainer: async () => {},
      imageFromHost: async ({ Paths }) => ({ Id: `sha256:${Paths.join("+")}`, Names: [] }),
    },
    calls,
  );
  return { calls, requests, typed, signals, api };
}

const run = (played: Played, line: string, options: FakeTerminalOptions = {}) =>
  runMain(["run", ...line.split(" ")], { ...options, api: played.api });

describe("run", () => {
  test("attaches, waits, then starts; streams stay apart, the status is the container's", async () => {
    const played = play({ output: frames(["stdout", "out\n"], ["stderr", "err\n"]), exitCode: 7 });
    expect(await run(played, "busybox true")).toEqual({ status: 7, stdout: "out\n", stderr: "err\n" });
    expect(played.calls).toEqual(["createContainer", "attachContainer", "waitContainer", "startContainer"]);
  });

  test("limits go as Docker's fields", async () => {
    const played = play();
    const limits =
      "--blkio-weight 300 --blkio-weight-device /dev/sda:20 --device-read-bps /dev/sda:1k --device-write-iops /dev/sda:9";
    const more = "--memory-swappiness 0 --oom-kill-disable --oom-score-adj -5 --cpu-rt-runtime 5 --cpu-rt-period 9";
    const rest = "--ulimit nofile=1:2 --ulimit nofile=3:4 --cgroup-parent /x";
    expect((await run(played, `-d ${limits} ${more} ${rest} busybox`)).stderr).toBe("");
    expect(played.requests[0]?.HostConfig).toMatchObject({
      BlkioWeight: 300,
      BlkioWeightDevice: [{ Path: "/dev/sda", Weight: 20 }],
      BlkioDeviceReadBps: [{ Path: "/dev/sda", Rate: 1024 }],
      BlkioDeviceWriteIOps: [{ Path: "/dev/sda", Rate: 9 }],
      ...{ MemorySwappiness: 0, OomKillDisable: true, OomScoreAdj: -5, CpuRealtimeRuntime: 5, CpuRealtimePeriod: 9 },
      Ulimits: [{ Name: "nofile", Soft: 3, Hard: 4 }],
      CgroupParent: "/x",
    });
  });

  test("in the background it prints the id, and attaches nothing", async () => {
    const played = play();
    expect(await run(played, "-d busybox")).toEqual({ status: 0, stdout: "c0ffee\n", stderr: "" });
    expect(played.calls).toEqual(["createContainer", "startContainer"]);
    expect(played.requests[0]).toMatchObject({ AttachStdout: false, AttachStderr: false });
  });

  test("pulls an image that is missing, and tells so on stderr", async () => {
    const played = play({ isMissing: true });
    expect(await run(played, "busybox")).toEqual({
      status: 0,
      stdout: "",
      stderr: "Unable to find image 'busybox:latest' locally\nlatest: Pulling from busybox\nabc: Pull complete\n",
    });
    expect(played.calls.slice(0, 3)).toEqual(["createContainer", "pullImage", "createContainer"]);
  });

  test("--pull never leaves it at that", async () => {
    const { status, stderr } = await run(play({ isMissing: true }), "--pull never busybox");
    expect({ status, stderr }).toEqual({
      status: 125,
      stderr:
        "gantry: Error response from daemon: No such image: busybox\n\nRun 'gantry run --help' for more information\n",
    });
  });

  test("a program that is not there is 127, one that cannot be executed 126", async () => {
    const missing = new ApiError(400, `exec: "x": executable file not found in $PATH`);
    expect((await run(play({ startError: missing }), "busybox x")).status).toBe(127);
    const denied = new ApiError(400, `exec: "/etc": permission denied`);
    expect((await run(play({ startError: denied }), "busybox /etc")).status).toBe(126);
    expect((await run(play({ startError: new ApiError(500, "boom") }), "busybox x")).status).toBe(125);
  });

  test("-i passes stdin on and closes it at its end", async () => {
    const { promise: ended, resolve: end } = Promise.withResolvers<void>();
    const played = play({
      output: (async function* () {
        await ended;
        yield* frames(["stdout", "done"]);
      })(),
    });
    const input = (async function* () {
      yield Buffer.from("hello");
      setTimeout(end, 0);
    })();
    expect(await run(played, "-i busybox cat", { input })).toMatchObject({ status: 0, stdout: "done" });
    expect(played.typed).toEqual(["hello", "<end>"]);
  });

  test("the detach keys leave with status 0, the terminal as it was", async () => {
    const forever = (async function* (): AsyncGenerator<OutputFrame> {
      await new Promise(() => {});
    })();
    const played = play({ output: forever, exitCode: 9 });
    const terminal = fakeTerminal({
      isTerminal: true,
      input: ["ls\x10", "x\x10\x11rest"],
      size: { width: 90, height: 30 },
    });
    expect((await runMain(["run", "-it", "busybox"], { api: played.api, terminal })).status).toBe(0);
    expect(played.typed).toEqual(["ls", "\x10x"]);
    expect(terminal.isRaw).toBe(false);
    expect(played.requests[0]?.HostConfig?.ConsoleSize).toEqual([30, 90]);
  });

  test("signals are handed on while it runs, and no longer", async () => {
    const { promise: sent, resolve: send } = Promise.withResolvers<void>();
    const terminal = fakeTerminal();
    const played = play({
      output: (async function* (): AsyncGenerator<OutputFrame> {
        terminal.send("SIGTERM");
        await sent;
        yield* frames();
      })(),
    });
    setTimeout(send, 5);
    await runMain(["run", "busybox"], { api: played.api, terminal });
    terminal.send("SIGINT");
    expect(played.signals).toEqual(["SIGTERM"]);
  });

  test("--cidfile is written once, refuses a file that is there, and does not stay after a failure", async () => {
    const folder = mkdtempSync(join(tmpdir(), "gantry-cli-"));
    try {
      const path = join(folder, "id");
      expect((await run(play({ isMissing: true }), `--pull never --cidfile ${path} busybox`)).status).toBe(125);
      expect(existsSync(path)).toBe(false);
      await run(play(), `--cidfile ${path} busybox`);
      expect(readFileSync(path, "utf8")).toBe("c0ffee");
      const again = play();
      expect((await run(again, `--cidfile ${path} busybox`)).stderr).toContain("container ID file found");
      expect(again.calls).toEqual([]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test("from-host: makes an image of the program first", async () => {
    const played = play();
    await run(played, "from-host:/bin/bash -c true");
    expect(played.requests[0]).toMatchObject({ Image: "sha256:/bin/bash", Cmd: ["-c", "true"] });
  });

  test("flags become the request", async () => {
    const folder = mkdtempSync(join(tmpdir(), "gantry-cli-"));
    try {
      writeFileSync(join(folder, "env"), "# comment\nA=1\nFROM_OUTSIDE\nMISSING\n");
      writeFileSync(
        join(folder, "seccomp.json"),
        '{ "defaultAction": "SCMP_ACT_ALLOW",\n "x": [ 18446744073709551615, "a \\" b" ] }',
      );
      const played = play();
      const line = `-dit --rm --name x -e B=2 -eC=3 --env-file ${folder}/env -w /w -u 1:2 --group-add g -h host -v ./data:/data:ro -v /anon --mount type=tmpfs,dst=/t,tmpfs-size=1m --tmpfs /tmp:size=1k --read-only -m 64m --cpus .5 --cap-add NET_ADMIN --security-opt seccomp=${folder}/seccomp.json --device /dev/null:r --entrypoint= --init -p 127.0.0.1:8080:80 -p 9000-9001:90-91/udp --net host -l a=b --stop-timeout 3 img cmd -x`;
      await run(played, line, { environment: { FROM_OUTSIDE: "yes" } });
      expect(played.requests[0]).toMatchObject({
        Image: "img",
        Cmd: ["cmd", "-x"],
        Entrypoint: [""],
        Hostname: "host",
        User: "1:2",
        Tty: true,
        OpenStdin: true,
        Env: ["A=1", "FROM_OUTSIDE=yes", "B=2", "C=3"],
        ExposedPorts: { "80/tcp": {}, "90/udp": {}, "91/udp": {} },
        Volumes: { "/anon": {} },
        WorkingDir: "/w",
        Labels: { a: "b" },
        StopTimeout: 3,
        HostConfig: {
          Binds: ["/here/data:/data:ro"],
          NetworkMode: "host",
          AutoRemove: true,
          ReadonlyRootfs: true,
          Memory: 64 * 1024 * 1024,
          NanoCpus: 500_000_000,
          CapAdd: ["NET_ADMIN"],
          GroupAdd: ["g"],
          Init: true,
          SecurityOpt: ['seccomp={"defaultAction":"SCMP_ACT_ALLOW","x":[18446744073709551615,"a \\" b"]}'],
          Tmpfs: { "/tmp": "size=1k" },
          Mounts: [{ Type: "tmpfs", Target: "/t", TmpfsOptions: { SizeBytes: 1024 * 1024 } }],
          Devices: [{ PathOnHost: "/dev/null", PathInContainer: "/dev/null", CgroupPermissions: "r" }],
          PortBindings: {
            "80/tcp": [{ HostIp: "127.0.0.1", HostPort: "8080" }],
            "90/udp": [{ HostIp: "", HostPort: "9000" }],
            "91/udp": [{ HostIp: "", HostPort: "9001" }],
          },
        },
      });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
