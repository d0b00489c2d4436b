import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { existsSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isGantryError } from "../../src/errors/gantry-error.ts";
import { takeCensus } from "../crash/host-census.ts";
import { run } from "../support/command.ts";
import { daemonSkipReason, TestDaemon, until } from "../support/daemon.ts";
import { makeArchive, makeLayer } from "../support/layers.ts";
import { registrySkipReason, startRegistry, type TestRegistry } from "../support/registry.ts";

const skip = daemonSkipReason(["nft", "mount", "umount"]) ?? registrySkipReason();
if (skip !== undefined) console.log(`skipped: ${skip}`);

const PAGE = 4096;
const MIB = 1024 * 1024;

describe.skipIf(skip !== undefined)("a full disk", () => {
  let daemon: TestDaemon;
  let registry: TestRegistry;
  let image: string;
  const everSeen = new Set<string>();

  beforeAll(async () => {
    registry = await startRegistry();
    daemon = await TestDaemon.start({ rootSizeBytes: 48 * MIB });
    image = `${registry.host}/filling:1`;
    const layers = ["a", "b"].map((folder) =>
      makeLayer([
        { type: "directory", path: folder, mode: 0o755 },
        ...Array.from({ length: 8 }, (_, number) => ({
          type: "file" as const,
          path: `${folder}/${number}`,
          content: randomBytes(100_000),
        })),
      ]),
    );
    const path = join(daemon.directory, "image.tar");
    writeFileSync(path, makeArchive(image, layers));
    const target = ["--dest-tls-verify=false", `oci-archive:${path}`, `docker://${image}`];
    await run(["skopeo", "copy", "--quiet", "--insecure-policy", ...target]);
  }, 60_000);
  afterAll(async () => {
    await daemon[Symbol.asyncDispose]();
    registry[Symbol.dispose]();
  });

  const filler = () => join(daemon.root, "filler");

  /** Leaves so many bytes of the disk, or fewer: the daemon writes, too. */
  function fill(freeBytes: number): void {
    rmSync(filler(), { force: true });
    const { bavail, bsize } = statfsSync(daemon.root);
    try {
      writeFileSync(filler(), Buffer.alloc(Math.max(0, bavail * bsize - freeBytes)));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
    }
  }

  const clear = () => rmSync(filler(), { force: true });

  /** True if it worked, false if the disk was full; anything else is a defect. */
  async function worked(attempt: () => Promise<unknown>): Promise<boolean> {
    try {
      await attempt();
      return true;
    } catch (error) {
      if (!isGantryError(error)) throw error;
      expect(error.message).toMatch(/full|no space left|ENOSPC/i);
      return false;
    }
  }

  /** From nothing on, in steps of a page at first, until it works. */
  function* amounts(): Generator<number> {
    for (let free = 0; ; free = free < 16 * PAGE ? free + PAGE : Math.ceil((free * 1.25) / PAGE) * PAGE) yield free;
  }

  test("a pull is there as a whole or not at all", async () => {
    const api = daemon.api();
    let failures = 0;
    for (const free of amounts()) {
      fill(free);
      const isPulled = await worked(async () => {
        for await (const _message of await api.pullImage({ fromImage: image }));
      });
      clear();
      if (isPulled) break;
      failures++;
      await expect(api.inspectImage(image)).rejects.toThrow("No such image");
    }
    expect(failures).toBeGreaterThan(15);
    await daemon.down("SIGKILL");
    await daemon.up();
    expect(await takeCensus(daemon, everSeen)).toEqual([]);
    await daemon.api().removeImage(image);
    expect(await takeCensus(daemon, everSeen)).toEqual([]);
  });

  test("a create is there as a whole or not at all", async () => {
    const api = daemon.api();
    for (const free of [0, 3 * PAGE]) {
      fill(free);
      const made: string[] = [];
      const create = async () => {
        const { Id } = await api.createContainer({ Image: "busybox", Cmd: ["true"] });
        made.push(Id);
      };
      // What the database has grown to before serves a number of them.
      while (await worked(create)) expect(made.length).toBeLessThan(3000);
      clear();
      const ids = (await api.listContainers({ all: true })).map(({ Id }) => Id);
      expect(ids.toSorted()).toEqual(made.toSorted());
      await daemon.down("SIGKILL");
      await daemon.up();
      expect(await takeCensus(daemon, everSeen)).toEqual([]);
      expect((await api.listContainers({ all: true })).length).toBe(made.length);
      await create();
      const [last = ""] = made.slice(-1);
      await api.startContainer(last);
      expect(await (await api.waitContainer(last)).result).toEqual({ StatusCode: 0 });
      for (const id of made) await api.removeContainer(id);
    }
    expect(await takeCensus(daemon, everSeen)).toEqual([]);
  });

  test.each([true, false])(
    "an exit is recorded once there is room, whether the daemon lives (%p) or not",
    async (lives) => {
      const api = daemon.api();
      const go = join(daemon.directory, "go");
      for (const free of [0, PAGE, 2 * PAGE, 4 * PAGE]) {
        rmSync(go, { force: true });
        const { Id: id } = await api.createContainer({
          Image: "busybox",
          Cmd: ["sh", "-c", "echo begun; while [ ! -e /host/go ]; do usleep 5000; done; exit 9"],
          HostConfig: { Binds: [`${daemon.directory}:/host`] },
        });
        await api.startContainer(id);
        const exit = await api.waitContainer(id);
        if (!lives) await daemon.down("SIGKILL");
        fill(free);
        writeFileSync(go, "");
        if (!lives) {
          await until(
            "its monitor has ended",
            () => !existsSync(join(daemon.state, "monitors", `${id.slice(0, 12)}.sock`)),
          );
          clear();
          await daemon.up();
        }
        if (lives) {
          const hasEnded = async () => (await api.inspectContainer(id)).State.Status === "exited";
          const what = "its end is recorded, or cannot be";
          await until(what, async () => daemon.log.includes("cannot record the end") || (await hasEnded()));
          clear();
        }
        const { StatusCode } = lives ? await exit.result : await (await api.waitContainer(id)).result;
        expect(StatusCode).toBe(9);
        expect(await takeCensus(daemon, everSeen)).toEqual([]);
        await api.removeContainer(id);
      }
    },
  );
});
