import { expect, test } from "bun:test";
import {
  CONTAINER_ID,
  CREATED_NS,
  containerDouble,
  doorParts,
  engineDouble,
  serveDoor,
} from "../../../test/support/door-double.ts";
import type { ContainerConfig } from "../../engine/container/container-config.ts";
import { NO_TRACE } from "../../trace/trace.ts";

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
