import { expect, test } from "bun:test";
import { statSync } from "node:fs";
import { createConnection } from "node:net";
import {
  CONTAINER_ID,
  CREATED_NS,
  containerDouble,
  doorParts,
  engineDouble,
  eventsOf,
  SessionDouble,
  serveDoor,
} from "../../../test/support/door-double.ts";
import { ApiError } from "../../api/api-error.ts";
import type { ContainerConfig } from "../../engine/container/container-config.ts";
import type { StatsSample } from "../../engine/engine.ts";
import { GantryError } from "../../errors/gantry-error.ts";
import { NO_TRACE } from "../../trace/trace.ts";

/** Sends bytes as they are and collects what comes back until the other side closes. */
function talk(socketPath: string, request: string, options: { readonly half?: boolean } = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = createConnection({ path: socketPath, allowHalfOpen: true });
    let received = "";
    socket.on("connect", () => {
      socket.write(request);
      if (options.half === true) socket.end();
    });
    socket.on("data", (bytes) => (received += bytes.toString("latin1")));
    socket.on("end", () => {
      socket.end();
      resolve(received);
    });
    socket.on("error", reject);
  });
}

const request = (line: string, ...headers: readonly string[]): string =>
  [`${line} HTTP/1.1`, "Host: x", ...headers, "Connection: close"].join("\r\n").concat("\r\n\r\n");

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

test("the socket is for root alone", async () => {
  await using door = await serveDoor(doorParts());
  expect(statSync(door.socketPath).mode & 0o777).toBe(0o600);
});

test("ping tells versions in headers, with and without a version in the path, and by HEAD", async () => {
  await using door = await serveDoor(doorParts());
  expect(await door.api.ping()).toEqual({
    apiVersion: "1.51",
    osType: "linux",
    experimental: false,
    server: "gantry/0.1.0 (linux)",
  });
  const head = await talk(door.socketPath, request("HEAD /_ping"));
  expect(head).toStartWith("HTTP/1.1 200 OK\r\n");
  expect(head.toLowerCase()).toContain("\r\napi-version: 1.51\r\n");
  expect(head).toEndWith("\r\n\r\n");
});

test("a client that is too old or too new is told which versions there are", async () => {
  await using door = await serveDoor(doorParts());
  expect(await talk(door.socketPath, request("GET /v1.10/info"))).toContain(
    '{"message":"client version 1.10 is too old. Minimum supported API version is 1.24, please upgrade your client to a newer version"}',
  );
  expect(await talk(door.socketPath, request("GET /v1.99/info"))).toContain(
    '{"message":"client version 1.99 is too new. Maximum supported API version is 1.51"}',
  );
});

test("what is no page, what is not there yet, and what is no HTTP are told apart", async () => {
  await using door = await serveDoor(doorParts());
  expect(await talk(door.socketPath, request("GET /nothing"))).toMatch(/^HTTP\/1.1 404 .*"page not found"/s);
  expect(await talk(door.socketPath, request("POST /build"))).toMatch(/^HTTP\/1.1 501 .*building images/s);
  expect(await talk(door.socketPath, request("GET /images/search?term=x"))).toMatch(/^HTTP\/1.1 200 .*\[\]/s);
  expect(await talk(door.socketPath, "nonsense\r\n\r\n")).toMatch(/^HTTP\/1.1 400 /);
});

test("malformed JSON is answered with its place", async () => {
  await using door = await serveDoor(doorParts());
  const body = '{"Image":"busybox",\n "Cmd": [1 2]}';
  const answer = await talk(
    door.socketPath,
    request("POST /containers/create", "Content-Type: application/json", `Content-Length: ${body.length}`) + body,
  );
  expect(answer).toMatch(/^HTTP\/1.1 400 .*at line 2, column 12/s);
});

test("a body without end is refused at its limit", async () => {
  await using door = await serveDoor(doorParts());
  const body = `{"Image":"${"x".repeat(5 * 1024 * 1024)}"}`;
  const answer = await talk(
    door.socketPath,
    request("POST /containers/create", "Content-Type: application/json", `Content-Length: ${body.length}`) + body,
  );
  expect(answer).toMatch(/^HTTP\/1.1 413 /);
});

test("a create request reaches the engine as its own words", async () => {
  let asked: [ContainerConfig, unknown] | undefined;
  const engine = engineDouble({
    async create(config, options) {
      asked = [config, options];
      return { id: CONTAINER_ID, warnings: ["w"] };
    },
  });
  await using door = await serveDoor(doorParts({ engine }));
  const answer = await door.api.createContainer(
    {
      Image: "busybox",
      Cmd: ["true"],
      Env: ["A=1"],
      HostConfig: { Memory: 64 << 20, Binds: ["/tmp:/t:ro"], NetworkMode: "default", RestartPolicy: { Name: "no" } },
    },
    { name: "x", platform: "linux/amd64" },
  );
  expect(answer).toEqual({ Id: CONTAINER_ID, Warnings: ["w"] });
  expect(asked).toEqual([
    {
      image: "busybox",
      command: ["true"],
      env: ["A=1"],
      attach: { stdin: false, stdout: false, stderr: false },
      mounts: [{ type: "bind", source: "/tmp", target: "/t", readOnly: true, createSource: true }],
      resources: { memoryBytes: 64 << 20 },
      security: {},
      namespaces: {},
      network: { mode: "bridge" },
      platform: "linux/amd64",
    },
    { name: "x", trace: NO_TRACE },
  ]);
});

test("errors carry the engine's sentence and the status of their code", async () => {
  const failures: readonly [GantryError, number][] = [
    [new GantryError("conflict", "busy"), 409],
    [new GantryError("invalid-argument", "bad"), 400],
    [new GantryError("unsupported", "not there"), 501],
    [new GantryError("not-found", "exec: nothing", { exitCode: 127 }), 400],
  ];
  for (const [failure, status] of failures) {
    const engine = engineDouble({ start: () => Promise.reject(failure) });
    await using door = await serveDoor(doorParts({ engine }));
    const error = await door.api.startContainer("web").catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(ApiError);
    expect((error as ApiError).status).toBe(status);
    expect((error as ApiError).message).toStartWith(failure.message);
  }
});

test("the docker client finds its exit code 127 in the words of the message", async () => {
  const failure = new GantryError("not-found", "cannot run nope", { exitCode: 127 });
  const engine = engineDouble({ start: () => Promise.reject(failure) });
  await using door = await serveDoor(doorParts({ engine }));
  expect(door.api.startContainer("web")).rejects.toThrow("no such file or directory");
});

test("a defect is a warning for the operator and one sentence for the caller", async () => {
  const engine = engineDouble({ pause: () => Promise.reject(new TypeError("x is not a function")) });
  await using door = await serveDoor(doorParts({ engine }));
  await expect(door.api.pauseContainer("web")).rejects.toThrow("x is not a function");
  expect(door.warnings).toEqual(["POST /containers/web/pause failed: x is not a function"]);
});

test("starting what runs and stopping what does not are answered as unchanged", async () => {
  await using door = await serveDoor(doorParts());
  expect(await door.api.startContainer("web")).toBe(true);
  expect(await door.api.stopContainer("web", { timeoutSeconds: 0, signalName: "INT" })).toBe(false);
});

test("a start may name the calls that it waits for", async () => {
  const joined: string[] = [];
  const asked: unknown[] = [];
  const engine = engineDouble({
    async start(_name, options) {
      asked.push(options?.after);
      return "started";
    },
    wait: () => ({ registered: Promise.resolve(), result: Promise.resolve({ exitCode: 0 }) }),
    joinGathering: (name, gathering) => void joined.push(`${name} ${gathering}`),
  });
  await using door = await serveDoor(doorParts({ engine }));
  // The first answer tells whose daemon it is.
  await (await door.api.waitContainer("web", { gathering: "run-1" })).result;
  const never = new Promise(() => {});
  await door.api.startContainer("web", { after: { gathering: "run-1", count: 2, answered: never } });
  expect(joined).toEqual(["web run-1"]);
  expect(asked).toEqual([{ gathering: "run-1", count: 2 }]);
  const start = door.api.startContainer("web", { after: { gathering: "NO!", count: 2, answered: never } });
  await expect(start).rejects.toThrow("invalid header Gantry-Gathering");
});

test("wait sends its head when it is registered, and the exit code later", async () => {
  const exit = Promise.withResolvers<{ readonly exitCode: number }>();
  const engine = engineDouble({ wait: () => ({ registered: Promise.resolve(), result: exit.promise }) });
  await using door = await serveDoor(doorParts({ engine }));
  const { result } = await door.api.waitContainer("web", { condition: "next-exit" });
  exit.resolve({ exitCode: 42 });
  expect(await result).toEqual({ StatusCode: 42 });
});

test("a waiting client that goes frees the engine", async () => {
  const gone = Promise.withResolvers<void>();
  const engine = engineDouble({
    wait(_name, options) {
      options?.signal?.addEventListener("abort", () => gone.resolve());
      return { registered: Promise.resolve(), result: new Promise(() => {}) };
    },
  });
  await using door = await serveDoor(doorParts({ engine }));
  const controller = new AbortController();
  const { result } = await door.api.waitContainer("web", { signal: controller.signal });
  controller.abort();
  await expect(result).rejects.toThrow("cancelled");
  await gone.promise;
});

function attachable(session: SessionDouble, config: Partial<ContainerConfig> = {}) {
  const container = containerDouble({ config: { image: "busybox", openStdin: true, stdinOnce: true, ...config } });
  return doorParts({ engine: engineDouble({ attach: async () => session }, container) });
}

test("attach carries both streams in frames, input, and the end of input alone", async () => {
  const session = new SessionDouble();
  session.onTyped = (text) => session.print("stdout", `got ${text}`);
  session.onStdinClosed = () => {
    session.print("stderr", "bye");
    session.end();
  };
  await using door = await serveDoor(attachable(session));
  const stdio = await door.api.attachContainer("web", { stream: true, stdin: true, stdout: true, stderr: true });
  await stdio.write(Buffer.from("hello"));
  const output = stdio.output[Symbol.asyncIterator]();
  expect(Buffer.from((await output.next()).value?.bytes ?? []).toString()).toBe("got hello");
  await stdio.closeStdin();
  const last = (await output.next()).value;
  expect([last?.stream, Buffer.from(last?.bytes ?? []).toString()]).toEqual(["stderr", "bye"]);
  expect((await output.next()).done).toBe(true);
  expect(session.isClosed).toBe(true);
});

test("what was typed along with the request is not lost", async () => {
  const session = new SessionDouble();
  session.onTyped = (text) => {
    session.print("stdout", `[${text}]`);
    session.end();
  };
  await using door = await serveDoor(attachable(session));
  const head = ["POST /attach HTTP/1.1", "Host: x", "Connection: Upgrade", "Upgrade: tcp"]
    .join("\r\n")
    .replace("/attach", "/v1.41/containers/web/attach?stream=1&stdin=1&stdout=1");
  const answer = await talk(door.socketPath, `${head}\r\n\r\nearly`);
  expect(answer).toStartWith("HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\n");
  expect(answer).toEndWith("\x01\0\0\0\0\0\0\x07[early]");
});

test("a client that does not ask to upgrade gets status 200, then the streams", async () => {
  const session = new SessionDouble();
  session.print("stdout", "old");
  session.end();
  await using door = await serveDoor(attachable(session));
  const line = "POST /containers/web/attach?stream=1&stdout=1 HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n";
  const answer = await talk(door.socketPath, line);
  expect(answer).toStartWith("HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\n");
  expect(answer).toEndWith("\x03old");
});

test("a terminal's stream is raw, and the detach keys end it", async () => {
  const session = new SessionDouble();
  await using door = await serveDoor(attachable(session, { tty: true }));
  const stdio = await door.api.attachContainer("web", { stream: true, stdin: true, stdout: true, detachKeys: "a,b" });
  session.print("stdout", "raw");
  const output = stdio.output[Symbol.asyncIterator]();
  expect(Buffer.from((await output.next()).value?.bytes ?? []).toString()).toBe("raw");
  await stdio.write(Buffer.from("xaab"));
  expect((await output.next()).done).toBe(true);
  expect(session.typed.join("")).toBe("xa");
});

test("an attached client that goes frees the session, even if it had ended its input before", async () => {
  for (const half of [false, true]) {
    const session = new SessionDouble();
    await using door = await serveDoor(attachable(session));
    const stdio = await door.api.attachContainer("web", { stream: true, stdin: true, stdout: true });
    if (half) await stdio.closeStdin();
    stdio.close();
    await session.closed;
  }
});

test("a client that does not read slows the program down", async () => {
  const session = new SessionDouble();
  for (let count = 0; count < 400; count++) session.print("stdout", new Uint8Array(64 * 1024));
  session.end();
  await using door = await serveDoor(attachable(session));
  const stdio = await door.api.attachContainer("web", { stream: true, stdout: true });
  let waiting = -1;
  while (waiting !== session.waiting) {
    waiting = session.waiting;
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
  expect(waiting).toBeGreaterThan(300);
  let received = 0;
  for await (const { bytes } of stdio.output) received += bytes.byteLength;
  expect(received).toBe(400 * 64 * 1024);
});

test("attaching to what is not there is answered before the connection is taken over", async () => {
  await using door = await serveDoor(doorParts());
  await expect(door.api.attachContainer("nope", { stream: true })).rejects.toThrow("No such container: nope");
});

test("an exec remembers its detach keys, and a start with a body takes the connection over", async () => {
  const session = new SessionDouble();
  session.onTyped = (text) => session.print("stdout", text.toUpperCase());
  const engine = engineDouble({ startExec: async () => session });
  await using door = await serveDoor(doorParts({ engine }));
  const { Id } = await door.api.createExec("web", {
    Cmd: ["sh", "-i"],
    Tty: true,
    AttachStdin: true,
    AttachStdout: true,
    DetachKeys: "ctrl-x",
  });
  const stdio = await door.api.startExec(Id, { Tty: true, ConsoleSize: [24, 80] });
  await stdio.write(Buffer.from("abc"));
  const output = stdio.output[Symbol.asyncIterator]();
  expect(Buffer.from((await output.next()).value?.bytes ?? []).toString()).toBe("ABC");
  await stdio.write(Uint8Array.of(24));
  expect((await output.next()).done).toBe(true);
  expect(await door.api.inspectExec(Id)).toMatchObject({
    ID: Id,
    ContainerID: CONTAINER_ID,
    ProcessConfig: { entrypoint: "sh", arguments: ["-i"], tty: true },
  });
});

test("an exec that cannot begin is told in its stream, as docker's client wants it; a detached one by a status", async () => {
  const message = 'exec: "nope": executable file not found in $PATH';
  const startExec = () => Promise.reject(new GantryError("not-found", message, { exitCode: 127 }));
  await using door = await serveDoor(doorParts({ engine: engineDouble({ startExec }) }));
  const { Id } = await door.api.createExec("web", { Cmd: ["nope"], AttachStdout: true, AttachStderr: true });
  const frames = await collect((await door.api.startExec(Id, {})).output);
  expect(frames.map(({ stream, bytes }) => [stream, Buffer.from(bytes).toString()])).toEqual([
    ["stderr", `${message}\r\n`],
  ]);
  const terminal = await door.api.createExec("web", { Cmd: ["nope"], Tty: true, AttachStdout: true });
  const shown = await collect((await door.api.startExec(terminal.Id, { Tty: true })).output);
  expect(shown.map(({ bytes }) => Buffer.from(bytes).toString())).toEqual([`${message}\r\n`]);
  const detached = await door.api.createExec("web", { Cmd: ["nope"], Detach: true });
  await expect(door.api.startExecDetached(detached.Id)).rejects.toMatchObject({ status: 400, message });
});

test("maps are told in the order of their keys, as Go writes them", async () => {
  const publish = [
    { containerPort: 80, protocol: "tcp", hostPort: 8080 },
    { containerPort: 53, protocol: "udp", hostPort: 53 },
  ] as const;
  const { effective } = containerDouble();
  const container = containerDouble({
    config: { image: "busybox", network: { publish } },
    effective: { ...effective, labels: { b: "1", a: "2" }, exposedPorts: ["80/tcp", "53/udp"] },
  });
  await using door = await serveDoor(doorParts({ engine: engineDouble({}, container) }));
  const { Config, HostConfig } = await door.api.inspectContainer("web");
  const shown = [Config.Labels, Config.ExposedPorts, HostConfig.PortBindings].map((map) => Object.keys(map ?? {}));
  expect(shown).toEqual([
    ["a", "b"],
    ["53/udp", "80/tcp"],
    ["53/udp", "80/tcp"],
  ]);
});

test("logs come in frames with times in front of lines", async () => {
  const engine = engineDouble({
    async logs(_name, options) {
      expect(options).toMatchObject({ stdout: true, stderr: false, tail: 3, sinceNs: 1_500_000_000n });
      const position = { number: 1, offset: 0 };
      return {
        isTerminal: false,
        async *[Symbol.asyncIterator]() {
          yield { stream: "stdout", timeNs: CREATED_NS, position, bytes: Buffer.from("one\n") } as const;
        },
      };
    },
  });
  await using door = await serveDoor(doorParts({ engine }));
  const options = { stdout: true, stderr: false, timestamps: true, tail: "3", since: "1.5" };
  const frames = await collect(await door.api.containerLogs("web", options));
  expect(frames.map(({ bytes }) => Buffer.from(bytes).toString()).join("")).toBe(
    "2026-01-02T03:04:05.000000006Z one\n",
  );
});

test("a list is filtered, sized and told in Docker's words", async () => {
  const container = containerDouble({
    state: {
      status: "exited",
      pid: 0,
      exitCode: 3,
      oomKilled: false,
      error: "",
      startedAtNs: CREATED_NS,
      finishedAtNs: CREATED_NS,
    },
  });
  await using door = await serveDoor(doorParts({ engine: engineDouble({}, container) }));
  expect(await door.api.listContainers()).toEqual([]);
  const [line] = await door.api.listContainers({ all: true, size: true, filters: { exited: ["3"], name: ["^/we"] } });
  expect(line).toMatchObject({
    Id: CONTAINER_ID,
    Names: ["/web"],
    Command: "/bin/sh -c 'echo hello'",
    Created: 1_767_323_045,
    State: "exited",
    Status: "Exited (3) 5 seconds ago",
    SizeRw: 5,
    HostConfig: { NetworkMode: "bridge" },
  });
  await expect(door.api.listContainers({ filters: { colour: ["red"] } })).rejects.toThrow("invalid filter 'colour'");
});

test("events come with old and new fields and every digit of their time", async () => {
  const event = {
    type: "container",
    action: "die",
    actorId: CONTAINER_ID,
    attributes: { image: "busybox", exitCode: "3" },
    timeNs: CREATED_NS,
  };
  const events = { subscribe: () => eventsOf([event, { ...event, action: "start" }]) };
  await using door = await serveDoor(doorParts({ events }));
  const got = await collect(await door.api.events({ since: "0", until: "1", filters: { event: ["die"] } }));
  expect(got).toMatchObject([{ status: "die", from: "busybox", Type: "container", Action: "die", scope: "local" }]);
  const raw = await talk(door.socketPath, request("GET /events?until=1"));
  expect(raw).toContain(`"timeNano":${CREATED_NS}}`);
});

test("statistics carry the reading before, so that shares can be computed", async () => {
  const sample = (totalNs: number): StatsSample => ({
    timeNs: CREATED_NS,
    cpu: {
      totalNs,
      userNs: 1,
      systemNs: 2,
      throttledPeriods: 0,
      periods: 0,
      throttledNs: 0,
      hostTotalNs: 100,
      onlineCpus: 2,
    },
    memory: { usageBytes: 10, limitBytes: 20, failures: 0, details: { cache: 1 } },
    pids: { current: 3 },
    blockIo: [],
    networks: {},
  });
  const running = containerDouble({ state: { status: "running", pid: 7, exitCode: 0, oomKilled: false, error: "" } });
  const engine = engineDouble(
    {
      async *stats() {
        yield sample(5);
        yield sample(8);
      },
    },
    running,
  );
  await using door = await serveDoor(doorParts({ engine }));
  const [once] = await collect(await door.api.containerStats("web", { stream: false }));
  expect([once?.cpu_stats.cpu_usage.total_usage, once?.precpu_stats.cpu_usage.total_usage]).toEqual([8, 5]);
  expect((await collect(await door.api.containerStats("web"))).length).toBe(2);
});

test("a pull tells its progress, and its failure within the stream", async () => {
  const parts = doorParts();
  const images = {
    ...parts.images,
    async pull(name: string, options: Parameters<typeof parts.images.pull>[1]) {
      options.onProgress({ id: "aa", status: "Downloading", progress: { currentBytes: 1, totalBytes: 2 } });
      if (name === "bad:1") throw new GantryError("data-loss", "layer aa has other bytes");
      return { target: { digest: "sha256:00" }, status: "downloaded" as const };
    },
  };
  await using door = await serveDoor({ ...parts, images });
  const good = await collect(await door.api.pullImage({ fromImage: "good", tag: "1" }));
  expect(good).toEqual([
    { status: "Downloading", progressDetail: { current: 1, total: 2 }, id: "aa" },
    { status: "Digest: sha256:00" },
    { status: "Status: Downloaded newer image for good:1" },
  ]);
  await expect(door.api.pullImage({ fromImage: "bad", tag: "1" }).then(collect)).rejects.toThrow(
    "layer aa has other bytes",
  );
});

test("a load is streamed in and told line by line", async () => {
  const parts = doorParts();
  let size = 0;
  const images = {
    ...parts.images,
    async load(archive: AsyncIterable<Uint8Array>) {
      for await (const bytes of archive) size += bytes.byteLength;
      return ["busybox:latest"];
    },
  };
  await using door = await serveDoor({ ...parts, images });
  async function* archive(): AsyncGenerator<Uint8Array> {
    for (let count = 0; count < 50; count++) yield new Uint8Array(100_000);
  }
  const told = await collect(await door.api.loadImages(archive(), { quiet: true }));
  expect(told).toEqual([{ stream: "Loaded image: busybox:latest\n" }]);
  expect(size).toBe(5_000_000);
});

test("a save of what is not there is an error, not a broken archive", async () => {
  await using door = await serveDoor(doorParts());
  await expect(door.api.saveImages(["nope"])).rejects.toThrow("No such image: nope");
});

test("a client that ends its sending half after the request still gets the answer of a quick call", async () => {
  await using door = await serveDoor(doorParts());
  expect(await talk(door.socketPath, request("GET /_ping"), { half: true })).toContain("OK");
});

test("volumes are made and listed, and info counts containers", async () => {
  await using door = await serveDoor(doorParts());
  expect(await door.api.createVolume({ Name: "data" })).toMatchObject({ Name: "data", Driver: "local" });
  await expect(door.api.createVolume({ Name: "data", Driver: "nfs" })).rejects.toThrow("Driver (--driver)");
  expect(await door.api.info()).toMatchObject({ Containers: 1, ContainersStopped: 1, ContainersRunning: 0 });
});

test("an update changes limits alone, and tells what was discarded", async () => {
  const asked: unknown[] = [];
  const engine = engineDouble({
    update: async (name, change) => {
      asked.push([name, change]);
      return { warnings: ["w"] };
    },
  });
  await using door = await serveDoor(doorParts({ engine }));
  expect(await door.api.updateContainer("x", { Memory: 1 << 26, CpuShares: 0, PidsLimit: -1 })).toEqual({
    Warnings: ["w"],
  });
  expect(asked).toEqual([["x", { memoryBytes: 1 << 26, pidsLimit: -1 }]]);
  const restart = { RestartPolicy: { Name: "always" } } as object;
  await expect(door.api.updateContainer("x", restart)).rejects.toThrow("RestartPolicy (--restart) is not there yet");
});
