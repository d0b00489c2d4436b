import { expect, test } from "bun:test";
import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { until } from "../support/daemon.ts";
import { collect, EngineFixture } from "./engine-fixture.ts";

test("a daemon that goes and comes back finds what runs, what ended, and each line", async () => {
  let fixture = await EngineFixture.open();
  const { directory } = fixture;
  try {
    const gate = join(directory, "gate");
    mkdirSync(gate);
    const mounts = [{ type: "bind", source: gate, target: "/gate", readOnly: true, createSource: false }] as const;
    const base = { image: "box", network: { mode: "none" }, openStdin: true, mounts };
    const create = async (name: string, text: string, more: object = {}): Promise<string> => {
      const config = { ...base, command: ["sh", "-c", text], ...more };
      const { id } = await fixture.engine.create(config, { name });
      await fixture.engine.start(id);
      return id;
    };
    const stays = await create("stays", "echo before; read x; echo after $x");
    const opened = "while [ ! -e /gate/open ]; do sleep 0.01; done";
    const ends = await create("ends", `${opened}; echo last words; exit 4`);
    const vanishes = await create("vanishes", opened, { autoRemove: true });
    const paused = await create("paused", "sleep 100");
    await fixture.engine.pause(paused);
    const printed = join(fixture.engine.inspect(stays).paths.log, "1.log");
    await until("it has printed", () => readFileSync(printed, "utf8").includes("before"));
    await fixture.release();
    writeFileSync(join(gate, "open"), "");
    const records = [ends, vanishes].map((id) => join(directory, "root/containers", id, "exit.json"));
    await until("two have ended", () => records.every((path) => existsSync(path)));

    fixture = await EngineFixture.open({ directory });
    expect(fixture.engine.inspect(ends).state).toMatchObject({ status: "exited", exitCode: 4, pid: 0 });
    expect(() => fixture.engine.inspect(vanishes)).toThrow("No such container");
    expect(fixture.engine.inspect(paused).state.status).toBe("paused");
    await fixture.engine.unpause(paused);
    const session = await fixture.engine.attach(stays, { stdin: true, stdout: true });
    const { result } = fixture.engine.wait(stays);
    await session.write(Buffer.from("all\n"));
    expect((await collect(session.output)).stdout).toBe("after all\n");
    expect(await result).toEqual({ exitCode: 0 });
    let log = "";
    for await (const { bytes } of await fixture.engine.logs(stays, { stdout: true, stderr: true }))
      log += Buffer.from(bytes);
    expect(log).toBe("before\nafter all\n");
    expect(fixture.events().filter((event) => event === "container die").length).toBe(3);
  } finally {
    await fixture[Symbol.asyncDispose]();
    rmSync(directory, { recursive: true, force: true });
  }
});

test("after a new boot what ran is marked exited, 255; what is left on the host and not known is removed", async () => {
  let fixture = await EngineFixture.open();
  const { directory } = fixture;
  try {
    const { id } = await fixture.engine.create(
      { image: "box", command: ["sleep", "100"], network: { mode: "none" } },
      {},
    );
    await fixture.engine.start(id);
    const unknown = "f".repeat(64);
    mkdirSync(join(fixture.root, "containers", unknown));
    await fixture.release();
    fixture = await EngineFixture.open({ directory, boot: "00000000-0000-0000-0000-000000000000" });
    expect(fixture.engine.inspect(id).state).toMatchObject({ status: "exited", exitCode: 255, pid: 0 });
    expect(fixture.leftovers()).toEqual([id]);
  } finally {
    await fixture[Symbol.asyncDispose]();
    rmSync(directory, { recursive: true, force: true });
  }
});

test("what a killed monitor left of a line in the log does not swallow the next run's first", async () => {
  await using fixture = await EngineFixture.open();
  const { id } = await fixture.run({ command: ["echo", "one"] });
  appendFileSync(join(fixture.engine.inspect(id).paths.log, "1.log"), "2026-01-01T00:00:0");
  const { result } = fixture.engine.wait(id, { condition: "next-exit" });
  await fixture.engine.start(id);
  await result;
  let log = "";
  for await (const { bytes } of await fixture.engine.logs(id, { stdout: true, stderr: true }))
    log += Buffer.from(bytes);
  expect(log).toBe("one\none\n");
});

test("the end of a removed container is known by its id, after a restart too; its log while somebody may read it", async () => {
  let fixture = await EngineFixture.open();
  const { directory } = fixture;
  try {
    const { id } = await fixture.run({ command: ["sh", "-c", "exit 6"], autoRemove: true });
    expect(await fixture.engine.wait(id).result).toEqual({ exitCode: 6 });
    expect(() => fixture.engine.wait(id.slice(0, 12))).toThrow("No such container");
    expect(existsSync(join(fixture.root, "kept-logs"))).toBe(false);

    const config = { image: "box", network: { mode: "none" }, autoRemove: true, openStdin: true };
    const follows = await fixture.engine.create({ ...config, command: ["sh", "-c", "cat; exit 7"] }, {});
    await fixture.engine.start(follows.id);
    const log = await fixture.engine.logs(follows.id, { stdout: true, stderr: true, follow: true });
    const printed = log[Symbol.asyncIterator]();
    const first = printed.next();
    const session = await fixture.engine.attach(follows.id, { stdin: true });
    await session.write(Buffer.from("one\n"));
    await first;
    const { result } = fixture.engine.wait(follows.id, { condition: "removed" });
    await session.write(Buffer.from("two\n"));
    await session.closeStdin();
    expect(await result).toEqual({ exitCode: 7 });
    const { value } = await printed.next();
    expect(Buffer.from(value?.bytes ?? []).toString()).toBe("two\n");

    await fixture.release();
    fixture = await EngineFixture.open({ directory });
    expect(await fixture.engine.wait(id, { condition: "removed" }).result).toEqual({ exitCode: 6 });
    expect(await fixture.engine.wait(follows.id).result).toEqual({ exitCode: 7 });
    expect(readdirSync(join(fixture.root, "kept-logs"))).toEqual([follows.id]);
  } finally {
    await fixture[Symbol.asyncDispose]();
    rmSync(directory, { recursive: true, force: true });
  }
});
