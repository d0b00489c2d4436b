import { expect, test } from "bun:test";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Container } from "../../src/engine/container/container.ts";
import type { LocalEngine } from "../../src/engine/index.ts";
import { EngineFixture } from "./engine-fixture.ts";

const CHILD = join(import.meta.dir, "engine-killed-child.ts");

/** Starts a daemon on the folder, and kills it so many milliseconds after its first word. */
async function killedDaemon(directory: string, story: string, afterMs: number): Promise<string> {
  const child = spawn(process.execPath, [CHILD, directory, story], { stdio: ["ignore", "pipe", "inherit"] });
  const [word] = (await once(child.stdout, "data")) as [Buffer];
  await delay(afterMs);
  child.kill("SIGKILL");
  await once(child, "exit");
  return word.toString().trim();
}

/** A container that was taken up starts and is removed; one that removes itself may be doing so already. */
async function liveAndGo(engine: LocalEngine, { id, config, state }: Container): Promise<void> {
  expect(["created", "running", "exited"]).toContain(state.status);
  if (config.autoRemove !== true) {
    await engine.start(id);
    await engine.remove(id, { force: true, volumes: true });
    return;
  }
  const { result } = engine.wait(id, { condition: "removed" });
  if (state.status === "created") await engine.start(id);
  await result;
}

test("a daemon killed while a container prints loses no line and no exit code", async () => {
  let fixture = await EngineFixture.open();
  const { directory } = fixture;
  await fixture.release();
  try {
    const id = await killedDaemon(directory, "print", 150);
    fixture = await EngineFixture.open({ directory });
    const { exitCode } = await fixture.engine.wait(id).result;
    expect(exitCode).toBe(6);
    let log = "";
    for await (const { bytes } of await fixture.engine.logs(id, { stdout: true, stderr: true }))
      log += Buffer.from(bytes);
    expect(log).toBe(Array.from({ length: 200 }, (_, line) => `line ${line}\n`).join(""));
  } finally {
    await fixture[Symbol.asyncDispose]();
    rmSync(directory, { recursive: true, force: true });
  }
});

test("a daemon killed at any moment of its containers' lives leaves nothing that the next one does not take up", async () => {
  let fixture = await EngineFixture.open();
  const { directory } = fixture;
  await fixture.release();
  try {
    for (let round = 0; round < 8; round++) {
      await killedDaemon(directory, "churn", (round * 37) % 100);
      fixture = await EngineFixture.open({ directory });
      expect(fixture.warnings).toEqual([]);
      const { engine } = fixture;
      await Promise.all(engine.list().map((container) => liveAndGo(engine, container)));
      expect(fixture.leftovers()).toEqual([]);
      expect(fixture.volumes.list()).toEqual([]);
      await fixture.release();
    }
    fixture = await EngineFixture.open({ directory });
  } finally {
    await fixture[Symbol.asyncDispose]();
    rmSync(directory, { recursive: true, force: true });
  }
});
