import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import {
  createReadStream,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { type Digest, digestHex } from "../../src/oci/digest.ts";
import { digestOf, finishDigest } from "../../src/oci/hash-digest.ts";
import { MEDIA_TYPES } from "../../src/oci/media-types.ts";
import { hostPlatform } from "../../src/oci/platform.ts";
import { findProgram, run, skipReason } from "./command.ts";

/** All tests of this machine share what is made here. Anything below may be deleted when no test runs. */
const CACHE = process.env.GANTRY_TEST_CACHE ?? "/var/cache/gantry-test";

/** An image as an OCI layout, in the cache: never write to it. */
export interface SeedImage {
  /** A folder that `skopeo` knows as `oci:LAYOUT:seed`. */
  readonly layout: string;
  /** The root filesystem that the one layer was made of. */
  readonly rootfs: string;
}

/** Why the busybox image cannot be made here. */
export function busyboxSkipReason(): string | undefined {
  return skipReason({ root: true, programs: ["busybox", "flock", "tar", "gzip"] });
}

/** Why the Debian image cannot be made here. What is in the cache needs no network. */
export function debianSkipReason(): string | undefined {
  return skipReason({ root: true, programs: ["debootstrap", "flock", "tar", "gzip"] });
}

/** An image of busybox, static, with all its applets as links. */
export function seedBusybox(): Promise<SeedImage> {
  return seed("busybox-1", async (rootfs) => {
    for (const folder of ["bin", "dev", "etc", "home", "proc", "root", "sys", "tmp", "usr", "var"]) {
      mkdirSync(join(rootfs, folder), { recursive: true });
    }
    const busybox = findProgram("busybox") ?? "busybox";
    await run(["install", "-m", "755", busybox, join(rootfs, "bin/busybox")]);
    await run(["chroot", rootfs, "/bin/busybox", "--install", "/bin"]);
    await run(["chmod", "1777", join(rootfs, "tmp")]);
    writeFileSync(
      join(rootfs, "etc/passwd"),
      "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/home:/bin/false\n",
    );
    writeFileSync(join(rootfs, "etc/group"), "root:x:0:\nnogroup:x:65534:\n");
    return { Env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"], Cmd: ["sh"] };
  });
}

/** A real Debian 12, as small as debootstrap makes it, in which `apt-get install` works. Its first making takes a minute. */
export function seedDebian(): Promise<SeedImage> {
  return seed("debian-bookworm-1", async (rootfs) => {
    await run(["debootstrap", "--variant=minbase", "bookworm", rootfs]);
    await run(["sh", "-c", `rm -rf "$1"/var/cache/apt/archives/*.deb "$1"/var/lib/apt/lists/*`, "sh", rootfs]);
    return { Env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"], Cmd: ["bash"] };
  });
}

/** Pushes a seed to a registry under a name, `HOST/app:tag`, by skopeo. */
export async function pushSeed(image: SeedImage, name: string): Promise<void> {
  const target = ["--dest-tls-verify=false", `oci:${image.layout}:seed`, `docker://${name}`];
  await run(["skopeo", "copy", "--quiet", "--insecure-policy", ...target]);
}

/** Writes a seed as one file: an OCI archive, or the form of `docker save`, which has a name. */
export async function archiveSeed(
  image: SeedImage,
  kind: "oci-archive" | "docker-archive",
  path: string,
  name = "seed:latest",
): Promise<void> {
  const target = kind === "oci-archive" ? `${kind}:${path}` : `${kind}:${path}:${name}`;
  await run(["skopeo", "copy", "--quiet", "--insecure-policy", `oci:${image.layout}:seed`, target]);
}

/** Makes an image once for all tests of this machine, under a lock that ends with this process. */
async function seed(name: string, makeRootfs: (rootfs: string) => Promise<object>): Promise<SeedImage> {
  const directory = join(CACHE, name);
  const image = { layout: join(directory, "layout"), rootfs: join(directory, "rootfs") };
  if (existsSync(directory)) return image;
  mkdirSync(CACHE, { recursive: true });
  using _lock = await lock(join(CACHE, `${name}.lock`));
  if (existsSync(directory)) return image;
  const making = `${directory}.making`;
  rmSync(making, { recursive: true, force: true });
  const rootfs = join(making, "rootfs");
  mkdirSync(rootfs, { recursive: true });
  const config = await makeRootfs(rootfs);
  await writeLayout(rootfs, join(making, "layout"), config);
  renameSync(making, directory);
  return image;
}

async function lock(path: string): Promise<Disposable> {
  // The lock lives as long as the child, the child as long as its input is open: a killed test leaves no lock.
  const child = spawn("flock", [path, "sh", "-c", "echo locked; cat"], { stdio: ["pipe", "pipe", "inherit"] });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  child.stdout.once("data", () => resolve());
  child.on("error", reject);
  child.on("exit", (status) => reject(new Error(`cannot lock ${path}: flock ended with ${status}`)));
  await promise;
  return { [Symbol.dispose]: () => child.stdin.end() };
}

async function hashFile(path: string): Promise<Digest> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return finishDigest(hash);
}

/** As many images as there are names: the seed's files, and one more that makes each layer another. */
export async function seedVariants(image: SeedImage, folder: string, names: readonly string[]): Promise<SeedImage[]> {
  const variants: SeedImage[] = [];
  for (const name of names) {
    const layout = join(folder, name, "layout");
    const more = join(folder, name, "more");
    mkdirSync(more, { recursive: true });
    writeFileSync(join(more, `variant-${name}`), name);
    await writeLayout(image.rootfs, layout, {}, more);
    variants.push({ layout, rootfs: image.rootfs });
  }
  return variants;
}

/** @param more a folder whose files go into the layer too. */
async function writeLayout(rootfs: string, layout: string, config: object, more?: string): Promise<void> {
  const blobs = join(layout, "blobs/sha256");
  mkdirSync(blobs, { recursive: true });
  const tar = join(blobs, "layer.tar");
  const how = ["--sort=name", "--numeric-owner", "--xattrs", "--xattrs-include=*", "--format=pax"];
  await run([
    "tar",
    ...how,
    "-C",
    rootfs,
    "-cf",
    tar,
    ".",
    ...(more === undefined ? [] : ["-C", more, ...readdirSync(more)]),
  ]);
  const diffId = await hashFile(tar);
  await run(["gzip", "-n", tar]);
  const layerDigest = await hashFile(`${tar}.gz`);
  renameSync(`${tar}.gz`, join(blobs, digestHex(layerDigest)));
  const put = (document: object, mediaType: string) => {
    const text = JSON.stringify(document);
    const digest = digestOf(text);
    writeFileSync(join(blobs, digestHex(digest)), text);
    return { mediaType, digest, size: Buffer.byteLength(text) };
  };
  const { os, architecture } = hostPlatform();
  const rootfsField = { type: "layers", diff_ids: [diffId] };
  const history = [{ created: "2025-01-01T00:00:00Z", created_by: "seed" }];
  const document = { created: "2025-01-01T00:00:00Z", architecture, os, config, rootfs: rootfsField, history };
  const size = statSync(join(blobs, digestHex(layerDigest))).size;
  const manifest = {
    schemaVersion: 2,
    mediaType: MEDIA_TYPES.ociManifest,
    config: put(document, MEDIA_TYPES.ociConfig),
    layers: [{ mediaType: MEDIA_TYPES.ociLayerGzip, digest: layerDigest, size }],
  };
  const annotations = { "org.opencontainers.image.ref.name": "seed" };
  const descriptor = { ...put(manifest, MEDIA_TYPES.ociManifest), annotations };
  writeFileSync(join(layout, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
  writeFileSync(join(layout, "index.json"), JSON.stringify({ schemaVersion: 2, manifests: [descriptor] }));
}
