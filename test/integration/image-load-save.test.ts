import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { execFileSync } from "node:child_process";
import {
  createReadStream,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ContentStore } from "../../src/content/content-store.ts";
import { CONTENT_MIGRATIONS } from "../../src/content/migrations.ts";
import type { HostPacker } from "../../src/image/from-host.ts";
import { Images } from "../../src/image/images.ts";
import { LayerStore } from "../../src/image/layer-store.ts";
import { IMAGE_MIGRATIONS } from "../../src/image/migrations.ts";
import type { Puller } from "../../src/image/pull.ts";
import type { Pusher } from "../../src/image/push.ts";
import { SnapshotStore } from "../../src/image/snapshot-store.ts";
import { LayerWorkers } from "../../src/image/unpack/layer-workers.ts";
import { removeTree } from "../../src/image/unpack/remove-tree.ts";
import { State } from "../../src/state/state.ts";

const scratch = mkdtempSync(join(tmpdir(), "gantry-load-"));
const disposals = new AsyncDisposableStack();

afterAll(async () => {
  await disposals.disposeAsync();
  removeTree(scratch);
});

async function openStore(name: string) {
  const root = join(scratch, name);
  mkdirSync(root, { recursive: true });
  const state = State.open(join(root, "state.db"), {
    migrations: [...CONTENT_MIGRATIONS, ...IMAGE_MIGRATIONS],
    now: () => Date.now(),
  });
  const workers = disposals.use(new LayerWorkers());
  const content = ContentStore.open({ directory: join(root, "content"), state });
  const snapshots = await SnapshotStore.open({ directory: join(root, "snapshots"), state, workers });
  const layers = new LayerStore({ content, snapshots, workers });
  const none = {} as unknown;
  const images = new Images({
    ...{ state, content, snapshots, layers, workers },
    puller: none as Puller,
    pusher: none as Pusher,
    hostPacker: none as HostPacker,
  });
  return { root, state, content, snapshots, images };
}

function run(script: string): string {
  return execFileSync("sh", ["-ec", script], { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}

async function saveTo(images: Images, names: readonly string[], path: string): Promise<void> {
  const parts: Uint8Array[] = [];
  for await (const bytes of images.save(names)) parts.push(Uint8Array.from(bytes));
  writeFileSync(path, Buffer.concat(parts));
}

const layout = join(scratch, "foreign");

beforeAll(() => {
  // An image of two layers, made by umoci.
  run(`umoci init --layout ${layout}; umoci new --image ${layout}:v1
    umoci unpack --image ${layout}:v1 ${scratch}/bundle
    mkdir ${scratch}/bundle/rootfs/bin; cp /bin/busybox ${scratch}/bundle/rootfs/bin/; echo one > ${scratch}/bundle/rootfs/file
    umoci repack --image ${layout}:v1 ${scratch}/bundle; rm -r ${scratch}/bundle
    umoci unpack --image ${layout}:v1 ${scratch}/bundle
    rm ${scratch}/bundle/rootfs/file; echo two > ${scratch}/bundle/rootfs/other
    umoci repack --image ${layout}:v1 ${scratch}/bundle; rm -r ${scratch}/bundle
    umoci config --image ${layout}:v1 --config.cmd /bin/busybox --config.label team=blue
    cd ${scratch}; skopeo copy -q oci:${layout}:v1 oci-archive:oci.tar:v1
    skopeo copy -q oci:${layout}:v1 docker-archive:docker.tar:example.org/app/web:1.0
    gzip -k docker.tar; zstd -q docker.tar`);
});

describe("load", () => {
  test("takes what skopeo writes for Docker, plain, gzip and zstd, and it is one image", async () => {
    const { images, root } = await openStore("docker");
    for (const file of ["docker.tar", "docker.tar.gz", "docker.tar.zst"]) {
      expect(await images.load(createReadStream(join(scratch, file)))).toEqual(["example.org/app/web:1.0"]);
    }
    expect(images.list().map((image) => image.names)).toEqual([["example.org/app/web:1.0"]]);
    const inspected = images.inspect("example.org/app/web:1.0");
    expect(inspected.RootFS.Layers).toHaveLength(2);
    expect(inspected.Config.Cmd).toEqual(["/bin/busybox"]);
    const { lower } = await images.ensureSnapshot(images.resolve("example.org/app/web:1.0"));
    expect(lower).toHaveLength(2);
    expect(readFileSync(join(lower[0] ?? "", "other"), "utf8")).toBe("two\n");
    expect(readdirSync(join(root, "content/ingest"))).toEqual([]);
    expect(readdirSync(join(root, "snapshots/temporary"))).toEqual([]);
  });

  test("takes an OCI archive; an image without a name goes by its id", async () => {
    const { images, content } = await openStore("oci");
    const [id] = await images.load(createReadStream(join(scratch, "oci.tar")));
    const image = images.resolve(id ?? "");
    expect(image.names).toEqual([]);
    images.tag(image.id.slice(7, 19), "web:2");
    images.tag("web:2", "quay.io/other:1");
    // A row for each name that was asked for, none for the image's other names.
    for (const pattern of ["web", "web:2", "w*:2"]) {
      expect(images.list({ reference: [pattern] }).map(({ names }) => names)).toEqual([["web:2"]]);
    }
    expect(images.list({ reference: ["quay.io/*", "web:1"] })[0]?.names).toEqual(["quay.io/other:1"]);
    expect(images.list({ reference: ["web:1"] })).toEqual([]);
    expect(images.list({ dangling: true })).toEqual([]);
    await content[Symbol.asyncDispose]();
    expect(images.history("web:2")[0]?.Id).toBe(image.id);
  });

  test("refuses a truncated archive and one that lies, and leaves nothing", async () => {
    const { images, root } = await openStore("bad");
    run(`cd ${scratch}; head -c 600000 docker.tar > cut.tar
      mkdir lie; tar -C lie -xf oci.tar; cd lie; f=$(ls -S blobs/sha256/* | head -1); printf x >> $f; tar -cf ../lie.tar *`);
    const load = (file: string) => images.load(createReadStream(join(scratch, file)));
    await expect(load("cut.tar")).rejects.toThrow(/truncated/);
    await expect(load("lie.tar")).rejects.toThrow(/wrong digest/);
    await expect(images.load(createReadStream("/etc/passwd"))).rejects.toThrow(/invalid tar/);
    await images.collect();
    expect(readdirSync(join(root, "content/blobs/sha256"))).toEqual([]);
    expect(readdirSync(join(root, "content/ingest"))).toEqual([]);
    expect(readdirSync(join(root, "snapshots"))).toEqual(["temporary"]);
    expect(images.list()).toEqual([]);
  });
});

describe("save", () => {
  test("writes what skopeo reads as both formats, the same bytes each time; loaded again it is the same image", async () => {
    const { images } = await openStore("save");
    await images.load(createReadStream(join(scratch, "docker.tar.gz")));
    const name = "example.org/app/web:1.0";
    await saveTo(images, [name], join(scratch, "ours.tar"));
    await saveTo(images, [name], join(scratch, "again.tar"));
    run(`cd ${scratch}; cmp ours.tar again.tar
      skopeo copy -q docker-archive:ours.tar:${name} oci:${scratch}/back-docker:x
      skopeo copy -q oci-archive:ours.tar oci:${scratch}/back-oci:x
      umoci unpack --image ${scratch}/back-oci:x ${scratch}/back; test "$(cat back/rootfs/other)" = two; test ! -e back/rootfs/file`);
    const { images: other } = await openStore("other");
    expect(await other.load(createReadStream(join(scratch, "ours.tar")))).toEqual([name]);
    expect(other.resolve(name).id).toBe(images.resolve(name).id);
    expect(other.resolve(name).manifestDigest).toBe(images.resolve(name).manifestDigest);
  });
});

describe("remove", () => {
  test("goes by Docker's rules, and leaves nothing when the last name goes", async () => {
    const { images, root } = await openStore("remove");
    const [name = ""] = await images.load(createReadStream(join(scratch, "docker.tar")));
    const { id } = images.resolve(name);
    images.tag(name, "other:1");
    const stopped = () => [{ id: "c".repeat(64), isRunning: false }];
    await expect(images.remove("nothing")).rejects.toThrow("No such image: nothing:latest");
    await expect(images.remove(id)).rejects.toThrow(
      /conflict: unable to delete .* \(must be forced\) - image is referenced in multiple/,
    );
    expect(await images.remove("other:1", { inUse: stopped })).toEqual([{ untagged: "other:1" }]);
    await expect(images.remove(name, { inUse: stopped })).rejects.toThrow(
      /\(must force\) - container cccccccccccc is using/,
    );
    await expect(images.remove(id, { inUse: stopped })).rejects.toThrow(/being used by stopped container cccccccccccc/);
    const removed = await images.remove(name);
    expect(removed.slice(0, 2)).toEqual([{ untagged: name }, { deleted: id }]);
    expect(removed).toHaveLength(4);
    expect(readdirSync(join(root, "content/blobs/sha256"))).toEqual([]);
    expect(readdirSync(join(root, "snapshots"))).toEqual(["temporary"]);
  });

  test("what a container holds stays, and what a killed process left goes at the next start", async () => {
    const { images, root, state, content } = await openStore("held");
    const [name = ""] = await images.load(createReadStream(join(scratch, "docker.tar")));
    const image = images.resolve(name);
    images.hold("container:1", image);
    await images.remove(name, { force: true });
    expect((await images.ensureSnapshot(image)).lower).toHaveLength(2);
    images.release("container:1");
    writeFileSync(join(root, "content/ingest/99"), "half");
    writeFileSync(join(root, "content/blobs/sha256/", "0".repeat(64)), "unknown");
    mkdirSync(join(root, "snapshots/temporary/99/fs"), { recursive: true });
    await content[Symbol.asyncDispose]();
    state.close();
    const again = await openStore("held");
    await again.images.collect();
    expect(existsSync(join(root, "content/ingest/99"))).toBe(false);
    expect(readdirSync(join(root, "content/blobs/sha256"))).toEqual([]);
    expect(readdirSync(join(root, "snapshots"))).toEqual(["temporary"]);
    expect(readdirSync(join(root, "snapshots/temporary"))).toEqual([]);
  });
});
