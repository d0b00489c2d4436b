import { expect, test } from "bun:test";
import { doorParts, serveDoor } from "../../../test/support/door-double.ts";
import { GantryError } from "../../errors/gantry-error.ts";

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
  const good = await Array.fromAsync(await door.api.pullImage({ fromImage: "good", tag: "1" }));
  expect(good).toEqual([
    { status: "Downloading", progressDetail: { current: 1, total: 2 }, id: "aa" },
    { status: "Digest: sha256:00" },
    { status: "Status: Downloaded newer image for good:1" },
  ]);
  await expect(
    door.api.pullImage({ fromImage: "bad", tag: "1" }).then((lines) => Array.fromAsync(lines)),
  ).rejects.toThrow("layer aa has other bytes");
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
  const told = await Array.fromAsync(await door.api.loadImages(archive(), { quiet: true }));
  expect(told).toEqual([{ stream: "Loaded image: busybox:latest\n" }]);
  expect(size).toBe(5_000_000);
});

test("a save of what is not there is an error, not a broken archive", async () => {
  await using door = await serveDoor(doorParts());
  await expect(door.api.saveImages(["nope"])).rejects.toThrow("No such image: nope");
});
