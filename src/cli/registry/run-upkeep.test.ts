import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fakeApi, fakeTerminal, runMain } from "../../../test/support/cli-double.ts";
import { holdRoot, storeBlobs } from "../../../test/support/registry-store.ts";
import type { RegistryUpkeepNotice, RegistryUpkeepRequest } from "../../api/registry.ts";
import type { InfoResponse } from "../../api/system.ts";
import { GantryError } from "../../errors/gantry-error.ts";
import { digestOf } from "../../oci/hash-digest.ts";
import { commandLine } from "../command-line.ts";

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "gantry-upkeep-"));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

/** Over a root that no daemon has. */
async function gantry(words: string) {
  return await runMain(["registry", ...words.split(" "), "--root", root], {});
}

describe("upkeep of a root that nobody serves", () => {
  test("collect removes what nothing needs, and says how much; a dry run leaves it", async () => {
    await storeBlobs(root, ["one", "two"]);
    const lines = ["one", "two"]
      .map((text) => `remove  ${digestOf(text)}  nothing needs it\n`)
      .sort()
      .join("");
    const would =
      "would unlink 0 blobs from their repositories, remove 2 blobs of 6 bytes that nothing needs, and 0 idle uploads\n";
    expect(await gantry("collect --dry-run")).toEqual({ status: 0, stdout: lines + would, stderr: "" });
    const stdout = `${lines}removed 2 blobs of 6 bytes, and 0 idle uploads\n`;
    expect(await gantry("collect")).toEqual({ status: 0, stdout, stderr: "" });
  });

  test("scrub ends with 1 if something is damaged", async () => {
    const path = await storeBlobs(root, ["one", "two"]);
    const whole = "verified 2 blobs of 6 bytes: none is damaged\n";
    expect(await gantry("scrub")).toEqual({ status: 0, stdout: whole, stderr: "" });
    writeFileSync(path("two"), "tow");
    const { status, stdout } = await gantry("scrub --rate 0");
    expect([status, stdout.split("\n")]).toEqual([
      1,
      [
        expect.stringContaining(
          `${digestOf("two")} is damaged: its 3 of 3 bytes hash to ${digestOf("tow")}; nothing needs it`,
        ),
        "verified 2 blobs of 6 bytes: 1 were damaged, 0 of them repaired",
        "",
      ],
    ]);
  });

  test("is refused where no registry ever was, and makes nothing there", async () => {
    const { status, stderr } = await gantry("collect");
    expect([status, stderr, readdirSync(root)]).toEqual([
      1,
      expect.stringContaining(`there is no registry in ${root} (name the --root`),
      [],
    ]);
    rmSync(root, { recursive: true });
    expect([(await gantry("scrub")).status, existsSync(root)]).toEqual([1, false]);
  });

  test("retention needs rules, and says where", async () => {
    await storeBlobs(root, []);
    const without = await gantry("retention --dry-run");
    expect(without.status).toBe(1);
    expect(without.stderr).toContain("there is no rule of retention (write [[retention]] in registry.toml");
    const path = join(root, "registry.toml");
    writeFileSync(path, '[[retention]]\nkeep = "v*"\n');
    const wrong = await gantry(`retention --config ${path}`);
    expect(wrong.status).toBe(1);
    expect(wrong.stderr).toContain('retention[0].repositories is missing: "**" means all');
    writeFileSync(path, '[[retention]]\nrepositories = "**"\nkeep-tags = 1\n');
    const { status, stdout } = await gantry(`retention --config ${path}`);
    expect([status, stdout]).toEqual([
      0,
      "removed 0 tags and 0 manifests; what was pushed or pulled within 1h stays\n",
    ]);
  });
});

test("an empty root, of a variable that is not set, is not the working folder", async () => {
  for (const words of ["collect", "serve"]) {
    const { status, stderr } = await runMain(["registry", words, "--root", ""], {});
    expect([status, stderr]).toEqual([
      1,
      expect.stringMatching(/^gantry: an empty path is named \(is a variable not set\?/),
    ]);
  }
});

test("a root whose path is too long for its database is refused in words, and not made", async () => {
  const long = join(root, "a".repeat(250), "b".repeat(250));
  expect(await runMain(["registry", "serve", "--root", long], {})).toEqual({
    status: 1,
    stdout: "",
    stderr: `gantry: root ${long} is longer than 450 bytes (choose a shorter --root)\n`,
  });
  expect(readdirSync(root)).toEqual([]);
});

describe("upkeep of what a daemon has", () => {
  const ask = async (words: string, notices: readonly RegistryUpkeepNotice[]) => {
    const requests: RegistryUpkeepRequest[] = [];
    const api = fakeApi({
      upkeepRegistry: async (request) => {
        requests.push(request);
        return (async function* () {
          yield* notices;
        })();
      },
    });
    const result = await runMain(["registry", ...words.split(" ")], { api, terminal: fakeTerminal() });
    return { ...result, requests };
  };

  test("is asked of it, and what it tells is printed", async () => {
    const line = { kind: "line", line: "unlink  team/app@sha256:…" } as const;
    const collected = { kind: "collected", links: 1, blobs: 1, freedBytes: 5, uploads: 2 } as const;
    expect(await ask("collect", [line, collected])).toEqual({
      status: 0,
      stdout: `${line.line}\nremoved 1 blobs of 5 bytes, and 2 idle uploads\n`,
      stderr: "",
      requests: [{ Task: "collect", DryRun: false }],
    });
    const left = await ask("collect --dry-run", [line, collected]);
    expect(left.stdout).toBe(
      `${line.line}\nwould unlink 1 blobs from their repositories, remove 1 blobs of 5 bytes that nothing needs, and 2 idle uploads\n`,
    );
    const retained = { kind: "retained", tags: 2, manifests: 1, grace: "1h" } as const;
    const kept = "2 tags and 1 manifests; what was pushed or pulled within 1h stays\n";
    expect((await ask("retention", [retained])).stdout).toBe(`removed ${kept}`);
    expect((await ask("retention --dry-run", [retained])).stdout).toBe(`would remove ${kept}`);
    const verified = { kind: "verified", blobs: 1, bytes: 5, damaged: 1, repaired: 1, missing: 0 } as const;
    const scrubbed = await ask("scrub --rate 1m", [verified]);
    expect([scrubbed.status, scrubbed.requests]).toEqual([0, [{ Task: "scrub", BytesPerSecond: 1_048_576 }]]);
    const lacking = await ask("scrub", [{ ...verified, missing: 2 }]);
    expect([lacking.status, lacking.stdout]).toEqual([
      1,
      "verified 1 blobs of 5 bytes: 1 were damaged, 1 of them repaired; 2 of before are still missing\n",
    ]);
  });

  test("a failure is told, and so is a daemon that is gone", async () => {
    const failed = await ask("retention", [{ kind: "failed", sentence: "the disk is full" }]);
    expect([failed.status, failed.stderr]).toEqual([1, expect.stringContaining("the disk is full")]);
    const gone = await ask("retention", []);
    expect([gone.status, gone.stderr]).toEqual([1, expect.stringContaining("the registry ended before it was done")]);
  });
});

describe("upkeep of a root that is in use", () => {
  beforeEach(() => storeBlobs(root, []));
  const ask = async (daemonRoot: string) => {
    const tasks: string[] = [];
    const api = fakeApi({
      info: async () => ({ DockerRootDir: daemonRoot }) as InfoResponse,
      upkeepRegistry: async ({ Task }) => {
        tasks.push(Task);
        return (async function* () {
          yield { kind: "retained", tags: 0, manifests: 0, grace: "1h" } as const;
        })();
      },
    });
    using _lock = holdRoot(root);
    const result = await runMain(["registry", "retention", "--root", root], { api });
    return { tasks, ...result };
  };

  test("is refused where the process that has it is no daemon, and starts none", async () => {
    const state = `${root}.state`;
    using _lock = holdRoot(root);
    const terminal = fakeTerminal({ environment: { GANTRY_STATE: state } });
    const selfCommand = (): never => {
      throw new Error("a daemon was to be started");
    };
    for (const words of ["collect", "serve"]) {
      const status = await commandLine(["registry", words, "--root", root], terminal, { selfCommand });
      expect([status, existsSync(state)]).toEqual([1, false]);
    }
    const sentence = `${root} is in use by process ${process.pid}, and no daemon answers at ${state}/gantry.sock`;
    expect(terminal.printed.stderr.split(sentence)).toHaveLength(3);
  });

  test("is told to whom may not ask a daemon whether it is the owner", async () => {
    using _lock = holdRoot(root);
    const api = fakeApi({
      info: async () => {
        throw new GantryError("permission-denied", "cannot use the daemon: only root may");
      },
    });
    const { status, stderr } = await runMain(["registry", "serve", "--root", root], { api });
    expect([status, stderr]).toEqual([
      1,
      expect.stringContaining(
        `${root} is in use by process ${process.pid}, and if that is a daemon, only root may use it (`,
      ),
    ]);
  });

  test("is the daemon's to do that has it, and is not done to the root of another one", async () => {
    expect(await ask(root)).toMatchObject({ status: 0, tasks: ["retention"] });
    const link = `${root}.link`;
    symlinkSync(root, link);
    expect(await ask(link)).toMatchObject({ status: 0, tasks: ["retention"] });
    rmSync(link);
    const other = await ask("/somewhere/else");
    expect(other).toMatchObject({ status: 1, tasks: [] });
    expect(other.stderr).toContain(
      `${root} is in use by process ${process.pid}, and the daemon's root is /somewhere/else`,
    );
  });
});
