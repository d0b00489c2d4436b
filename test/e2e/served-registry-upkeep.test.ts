import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { spawn, spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { skipReason } from "../support/command.ts";
import { checkoutProgram, until } from "../support/daemon.ts";
import { pushImage } from "../support/push-content.ts";
import { RegistryProcess } from "../support/registry-process.ts";

let folder: string;
let root: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "gantry-served-upkeep-"));
  chmodSync(folder, 0o711);
  root = join(folder, "root");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A command that runs, where no daemon is. */
class Gantry {
  stdout = "";
  stderr = "";
  readonly status: Promise<number | null>;

  constructor(words: string, path: string) {
    const [file = "", ...first] = checkoutProgram;
    const child = spawn(file, [...first, "registry", ...words.split(" "), "--root", path], {
      stdio: ["ignore", "pipe", "pipe"],
      env: { PATH: process.env.PATH ?? "", HOME: folder, NO_COLOR: "1", GANTRY_STATE: join(folder, "no-daemon") },
    });
    child.stdout.on("data", (chunk: Buffer) => (this.stdout += chunk.toString()));
    child.stderr.on("data", (chunk: Buffer) => (this.stderr += chunk.toString()));
    this.status = new Promise((resolve) => child.once("close", resolve));
  }
}

async function gantry(words: string, path = root) {
  const command = new Gantry(words, path);
  const status = await command.status;
  return { status, stdout: command.stdout, stderr: command.stderr };
}

const SCRUBBED = /^verified 3 blobs of \d+ bytes: none is damaged\n$/;
const scrubbed = { status: 0, stdout: expect.stringMatching(SCRUBBED), stderr: "" };

describe("upkeep of a registry that is served without a daemon", () => {
  test("is done by the process that serves, under the registry.toml that it serves with", async () => {
    const config = join(folder, "registry.toml");
    writeFileSync(config, '[collection]\ngrace = "1s"\n[[retention]]\nrepositories = "team/**"\nkeep-tags = 1\n');
    await using registry = await RegistryProcess.start({ root, args: ["--config", config] });
    const first = await pushImage(`${registry.url}/v2/team/app`, "1");
    await pushImage(`${registry.url}/v2/team/app`, "2");
    const lines = [
      "untag   team/app:1  not among the 1 newest (retention[0])",
      `delete  team/app@${first.digest}  no tag names it any more`,
    ];
    const outcome = "1 tags and 1 manifests; what was pushed or pulled within 1s stays";
    const told = (verb: string) => ({
      status: 0,
      stdout: `${[...lines, `${verb} ${outcome}`].join("\n")}\n`,
      stderr: "",
    });
    let would: unknown;
    await until("the grace period is over", async () => {
      const asked = await gantry("retention --dry-run");
      would = asked;
      return asked.stdout.includes("would remove 1 tags");
    });
    expect(would).toEqual(told("would remove"));
    const tags = async () => (await fetch(`${registry.url}/v2/team/app/tags/list`)).json();
    expect(await tags()).toEqual({ name: "team/app", tags: ["1", "2"] });
    expect(await gantry("retention")).toEqual(told("removed"));
    expect(await tags()).toEqual({ name: "team/app", tags: ["2"] });
    expect(await gantry("collect")).toMatchObject({ status: 0, stderr: "" });
    expect(await gantry("scrub --rate 0")).toMatchObject({ status: 0, stderr: "" });
    // Another one can be named, as for a root that nobody serves.
    const other = join(folder, "other.toml");
    writeFileSync(other, "");
    const without = await gantry(`retention --dry-run --config ${other}`);
    expect([without.status, without.stderr]).toEqual([1, expect.stringContaining("there is no rule of retention")]);
    expect(registry.isRunning).toBe(true);
  });

  test("finds it by a link to its root, and in a root whose path is longer than a socket's may be", async () => {
    root = join(folder, "r".repeat(120));
    const link = join(folder, "link");
    symlinkSync(root, link);
    mkdirSync(root);
    await using registry = await RegistryProcess.start({ root });
    await pushImage(`${registry.url}/v2/app`, "1");
    expect([await gantry("scrub --rate 0"), await gantry("scrub --rate 0", link)]).toEqual([scrubbed, scrubbed]);
    expect(registry.log).toMatch(/^gantry: the registry serves at \S+\n$/);
  });

  test("works after a registry that was killed, and leaves no socket after one that ends", async () => {
    const socket = join(root, "registry.sock");
    await using registry = await RegistryProcess.start({ root });
    await pushImage(`${registry.url}/v2/app`, "1");
    await registry.down("SIGKILL");
    expect(lstatSync(socket).isSocket()).toBe(true);
    expect(await gantry("scrub --rate 0")).toEqual(scrubbed);
    await registry.up();
    expect(await gantry("scrub --rate 0")).toEqual(scrubbed);
    await registry.down();
    expect(existsSync(socket)).toBe(false);
    expect(await gantry("scrub --rate 0")).toEqual(scrubbed);
  });

  test("is all that is answered at the registry's socket", async () => {
    await using _registry = await RegistryProcess.start({ root });
    const unix = join(root, "registry.sock");
    for (const path of ["/gantry/registry/serve", "/containers/create", "/v2/"]) {
      const answer = await fetch(`http://gantry${path}`, { unix, method: "POST", body: "{}" });
      expect([path, answer.status, await answer.json()]).toEqual([path, 404, { message: "page not found" }]);
    }
  });

  test("ends with the registry, whether that is told to end or killed, and says so", async () => {
    await using registry = await RegistryProcess.start({ root });
    await pushImage(`${registry.url}/v2/app`, "1");
    for (const signal of ["SIGTERM", "SIGKILL"] as const) {
      const [first = ""] = readdirSync(join(root, "content/blobs/sha256")).sort();
      rmSync(join(root, "content/blobs/sha256", first));
      // The first blob is found missing at once, and for the next one it has longer than this test.
      const scrub = new Gantry("scrub --rate 1", root);
      await until("it is under way", () => scrub.stdout.includes(`sha256:${first} is damaged`));
      await registry.down(signal);
      const sentence = "gantry: the registry ended before it was done (the same command goes on with it)\n";
      expect([await scrub.status, scrub.stderr]).toEqual([1, sentence]);
      await registry.up();
    }
  });

  test("a second registry over its root is refused as ever", async () => {
    await using registry = await RegistryProcess.start({ root });
    expect(await gantry("serve --listen 127.0.0.1:0")).toEqual({
      status: 1,
      stdout: "",
      stderr: `gantry: ${root} is in use by process ${registry.pid}, and no daemon answers at ${folder}/no-daemon/gantry.sock (a registry that is served looks after its root by itself; for anything else end it first)\n`,
    });
  });

  test("a root in which no socket can be made is served, and the operator is told what cannot be had", async () => {
    mkdirSync(join(root, "registry.sock"), { recursive: true });
    await using registry = await RegistryProcess.start({ root });
    expect(registry.log).toContain(
      `gantry: the registry is served, but \`gantry registry collect\`, \`retention\` and \`scrub\` cannot reach it: cannot listen on ${root}/registry.sock: something that is no socket is there\n`,
    );
    expect((await fetch(`${registry.url}/v2/`)).status).toBe(200);
    expect(await gantry("collect")).toEqual({
      status: 1,
      stdout: "",
      stderr: expect.stringMatching(/^gantry: \S+ is in use by process \d+, and no daemon answers at .* \(.*try again/),
    });
  });
});

const skip = skipReason({ root: true, programs: ["perl"] });
if (skip !== undefined) console.log(`skipped: ${skip}`);

test.skipIf(skip !== undefined)("nobody else can connect to where a registry is asked for upkeep", async () => {
  await using _registry = await RegistryProcess.start({ root });
  const script =
    'socket(S, AF_UNIX, SOCK_STREAM, 0) && connect(S, pack_sockaddr_un($ARGV[0])) or die "$!\\n"; print "connected\\n"';
  const connect = (who: object) =>
    spawnSync("perl", ["-MSocket", "-e", script, join(root, "registry.sock")], { encoding: "utf8", ...who });
  expect(connect({})).toMatchObject({ stdout: "connected\n", stderr: "" });
  expect(connect({ uid: 65534, gid: 65534 })).toMatchObject({ stdout: "", stderr: "Permission denied\n" });
});
