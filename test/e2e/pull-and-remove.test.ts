import { describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { isGantryError } from "../../src/errors/gantry-error.ts";
import { takeCensus } from "../crash/host-census.ts";
import { run } from "../support/command.ts";
import { daemonSkipReason, TestDaemon } from "../support/daemon.ts";
import { makeArchive, makeLayer } from "../support/layers.ts";
import { registrySkipReason, startRegistry } from "../support/registry.ts";

const skip = daemonSkipReason(["nft"]) ?? registrySkipReason();
if (skip !== undefined) console.log(`skipped: ${skip}`);

describe.skipIf(skip !== undefined)("images of the same blobs", () => {
  test("are pulled, loaded and removed at once, again and again: what is there is whole", async () => {
    await using daemon = await TestDaemon.start();
    using registry = await startRegistry();
    const layers = ["a", "b"].map((path) => makeLayer([{ type: "file", path, content: randomBytes(300_000) }]));
    const names = ["one", "two"].map((name) => `${registry.host}/${name}:1`);
    for (const name of names) {
      const path = join(daemon.directory, "image.tar");
      writeFileSync(path, makeArchive(name, layers));
      const target = ["--dest-tls-verify=false", `oci-archive:${path}`, `docker://${name}`];
      await run(["skopeo", "copy", "--quiet", "--insecure-policy", ...target]);
    }
    const archive = makeArchive("three:1", layers);
    const api = daemon.api();
    const pull = async (name: string): Promise<void> => {
      for await (const _message of await api.pullImage({ fromImage: name }));
    };
    const load = async (): Promise<void> => {
      const bytes = (async function* () {
        yield archive;
      })();
      for await (const _message of await api.loadImages(bytes));
    };
    const remove = async (name: string): Promise<void> => {
      await pause(Math.random() * 30);
      try {
        await api.removeImage(name);
      } catch (error) {
        if (!isGantryError(error, "not-found")) throw error;
      }
    };
    /** What was pulled last stays usable: a container of it is made of all its layers. */
    const isWhole = async (name: string): Promise<void> => {
      const { Id } = await api.createContainer({ Image: name, Cmd: ["/x"] });
      await api.removeContainer(Id);
    };
    for (let round = 0; round < 25; round++) {
      const [one = "", two = ""] = round % 2 === 0 ? names : names.toReversed();
      await Promise.all([pull(one), remove(two), load(), remove(two), remove("three:1")]);
      await isWhole(one);
      await Promise.all([pull(two), remove(one), remove("three:1")]);
      await isWhole(two);
    }
    expect(await takeCensus(daemon, new Set())).toEqual([]);
    await Promise.all([...names, "three:1"].map(remove));
    expect(await takeCensus(daemon, new Set())).toEqual([]);
  });
});
