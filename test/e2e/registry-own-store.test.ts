import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type ChildProcess, spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { run } from "../support/command.ts";
import { checkoutProgram, daemonSkipReason, TestDaemon } from "../support/daemon.ts";

const skip = daemonSkipReason(["skopeo"]);
if (skip !== undefined) console.log(`skipped: ${skip}`);

/** `gantry registry serve` beside a daemon: that one opens the door, for as long as the command runs. */
async function serve(daemon: TestDaemon, ...flags: readonly string[]): Promise<{ child: ChildProcess; host: string }> {
  const [file = "", ...first] = checkoutProgram;
  const places = ["--root", daemon.root, "--state", daemon.state];
  const child = spawn(file, [...first, ...places, "registry", "serve", "-l", "127.0.0.1:0", ...flags], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let said = "";
  child.stderr?.on("data", (chunk: Buffer) => {
    said += chunk.toString();
    const host = /the registry serves at (\S+)/.exec(said)?.[1];
    if (host !== undefined) resolve(host);
  });
  child.on("exit", (status) => reject(new Error(`registry serve ended with ${status}: ${said}`)));
  return { child, host: await promise };
}

describe.skipIf(skip !== undefined)("the registry over the engine's own store", () => {
  let daemon: TestDaemon;
  let registry: Awaited<ReturnType<typeof serve>>;

  beforeAll(async () => {
    daemon = await TestDaemon.start();
    registry = await serve(daemon);
  }, 120_000);

  afterAll(async () => {
    registry?.child.kill("SIGTERM");
    await daemon?.[Symbol.asyncDispose]();
  }, 60_000);

  const blobs = (): readonly string[] => readdirSync(join(daemon.root, "content", "blobs", "sha256"));
  const inspect = (name: string): Promise<string> =>
    run(["skopeo", "inspect", "--tls-verify=false", "--format={{.Digest}}", `docker://${registry.host}/${name}`]);

  test("a blob of the store cannot be had through a repository that does not hold it", async () => {
    for (const hex of blobs()) {
      const digest = `sha256:${hex}`;
      const [read, mounted] = await Promise.all([
        fetch(`http://${registry.host}/v2/stranger/blobs/${digest}`),
        fetch(`http://${registry.host}/v2/stranger/blobs/uploads/?mount=${digest}`, {
          method: "POST",
          headers: { "gantry-store-proof": "0".repeat(64) },
        }),
      ]);
      expect([read.status, mounted.status]).toEqual([404, 202]);
    }
  });

  test("a push is rows: no byte is sent, nothing is stored twice, and others pull it", async () => {
    const before = blobs();
    await daemon.gantry(["tag", "busybox", `${registry.host}/team/app:1`]);
    const pushed = await daemon.gantry(["push", `${registry.host}/team/app:1`]);
    expect(pushed).toMatchObject({ status: 0, stderr: "" });
    expect(pushed.stdout).toContain("Pushed");
    expect(blobs()).toEqual(before);
    expect(readdirSync(join(daemon.root, "uploads"))).toEqual([]);
    const digest = /digest: (\S+)/.exec(pushed.stdout)?.[1] ?? "";
    expect((await inspect("team/app:1")).trim()).toBe(digest);
  });

  test("what others push is not among the images, and can be run as soon as it is pulled", async () => {
    await run([
      "skopeo",
      "copy",
      "--src-tls-verify=false",
      "--dest-tls-verify=false",
      `docker://${registry.host}/team/app:1`,
      `docker://${registry.host}/others/app:2`,
    ]);
    const listed = await daemon.gantry(["images", "--format", "{{.Repository}}"]);
    expect(listed.stdout).not.toContain("others/app");
    const ran = await daemon.gantry(["run", "--rm", `${registry.host}/others/app:2`, "echo", "from our own registry"]);
    expect(ran.stdout).toBe("from our own registry\n");
  });

  test("an image that is removed from the engine stays in the registry, and the other way round", async () => {
    await daemon.gantry(["rmi", `${registry.host}/others/app:2`]);
    expect(await inspect("others/app:2")).toStartWith("sha256:");
    for (const repository of ["team/app", "others/app"]) {
      const digest = (await inspect(`${repository}:${repository === "team/app" ? 1 : 2}`)).trim();
      const gone = await fetch(`http://${registry.host}/v2/${repository}/manifests/${digest}`, { method: "DELETE" });
      expect(gone.status).toBe(202);
    }
    expect((await daemon.gantry(["run", "--rm", "busybox", "echo", "still here"])).stdout).toBe("still here\n");
  });

  test("upkeep is asked of the daemon that has the root, says what it came to, and ends", async () => {
    expect(await daemon.gantry(["registry", "collect"])).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/removed \d+ blobs of \d+ bytes, and \d+ idle uploads\n$/),
    });
    expect(await daemon.gantry(["registry", "scrub", "--rate", "0"])).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/verified [1-9]\d* blobs of \d+ bytes: none is damaged\n$/),
    });
    expect(await daemon.gantry(["registry", "retention", "--dry-run"])).toMatchObject({
      status: 1,
      stderr: expect.stringContaining("there is no rule of retention (write [[retention]] in registry.toml"),
    });
  }, 60_000);

  test("a daemon that is told to has it open by itself, and says where", async () => {
    const places = new TestDaemon();
    const [file = "", ...first] = checkoutProgram;
    const flags = ["--root", places.root, "--state", places.state, "daemon", "--registry", "127.0.0.1:0"];
    const child = spawn(file, [...first, ...flags], { stdio: ["ignore", "ignore", "pipe"] });
    const ended = new Promise((resolve) => child.once("exit", resolve));
    try {
      let said = "";
      for await (const chunk of child.stderr) {
        said += String(chunk);
        if (said.includes("ready at")) break;
      }
      const host = /the registry serves at (\S+)/.exec(said)?.[1];
      expect((await fetch(`http://${host}/v2/`)).status).toBe(200);
    } finally {
      child.kill("SIGTERM");
      await ended;
      await places[Symbol.asyncDispose]();
    }
  }, 30_000);

  test("the door is open for as long as the command runs", async () => {
    const second = await serve(daemon);
    expect((await fetch(`http://${second.host}/v2/`)).status).toBe(200);
    const ended = new Promise((resolve) => second.child.once("exit", resolve));
    second.child.kill("SIGINT");
    expect(await ended).toBe(0);
    await expect(fetch(`http://${second.host}/v2/`)).rejects.toThrow();
  });
});
