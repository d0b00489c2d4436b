import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { spawn } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { digestOf as contentDigest } from "../../src/oci/hash-digest.ts";
import { MEDIA_TYPES } from "../../src/oci/media-types.ts";
import { run, skipReason } from "../support/command.ts";
import { daemonSkipReason, TestDaemon, until } from "../support/daemon.ts";
import { endChild } from "../support/end-child.ts";
import { makeLayer, makeTar } from "../support/layers.ts";
import { PrivateMounts } from "../support/private-mounts.ts";
import { registrySkipReason, startRegistry, type TestRegistry } from "../support/registry.ts";
import { busyboxSkipReason, pushSeed, seedBusybox, seedVariants } from "../support/seed-images.ts";

const skip = daemonSkipReason() ?? registrySkipReason() ?? busyboxSkipReason();
if (skip !== undefined) console.log(`skipped: ${skip}`);

async function digestOf(name: string, credentials: readonly string[] = []): Promise<string> {
  const raw = await run([
    "skopeo",
    "inspect",
    "--tls-verify=false",
    ...credentials,
    "--format={{.Digest}}",
    `docker://${name}`,
  ]);
  return raw.trim();
}

describe.skipIf(skip !== undefined)("push", () => {
  let daemon: TestDaemon;
  let registry: TestRegistry;

  beforeAll(async () => {
    daemon = await TestDaemon.start();
    registry = await startRegistry();
  }, 120_000);

  afterAll(async () => {
    await daemon?.[Symbol.asyncDispose]();
    registry?.[Symbol.dispose]();
  }, 60_000);

  /** What a push printed, without the names that differ from run to run. */
  const lines = (text: string): readonly string[] =>
    text
      .trimEnd()
      .replaceAll(registry.host, "HOST")
      .replace(/[0-9a-f]{12}: /g, "LAYER: ")
      .split("\n");

  async function push(...args: readonly string[]): Promise<readonly string[]> {
    const { stdout, stderr, status } = await daemon.gantry(["push", ...args]);
    if (status !== 0) throw new Error(stderr);
    return lines(stdout);
  }

  test("a new image is sent, one that is there is not, one of another repository is mounted; the digest stays", async () => {
    const [one, two] = [`${registry.host}/team/app:1`, `${registry.host}/team/other`];
    await pushSeed(await seedBusybox(), `${registry.host}/seed:1`);
    const digest = await digestOf(`${registry.host}/seed:1`);
    const end = `digest: ${digest} size: 405`;
    await daemon.gantry(["tag", "busybox", one]);
    await daemon.gantry(["tag", "busybox", two]);
    const first = ["The push refers to repository [HOST/team/app]", "LAYER: Preparing"];
    expect(await push(one)).toEqual([...first, "LAYER: Pushed", `1: ${end}`]);
    expect(await push(one)).toEqual([...first, "LAYER: Layer already exists", `1: ${end}`]);
    expect(await push(two)).toEqual([
      "Using default tag: latest",
      "The push refers to repository [HOST/team/other]",
      "LAYER: Preparing",
      "LAYER: Mounted from team/app",
      `latest: ${end}`,
    ]);
    expect(await digestOf(one)).toBe(digest);
    const { stdout } = await daemon.gantry(["image", "inspect", "--format", '{{join .RepoDigests " "}}', one]);
    expect(stdout).toContain(`${registry.host}/team/other@${digest}`);
    // What others make of it: every byte is read and verified.
    await run([
      "skopeo",
      "copy",
      "--insecure-policy",
      "-q",
      "--src-tls-verify=false",
      `docker://${two}:latest`,
      `dir:${join(daemon.directory, "copy")}`,
    ]);
  }, 120_000);

  test("the docker client pushes through this daemon, and prints the same", async () => {
    const name = `${registry.host}/docker/app:2`;
    await daemon.gantry(["tag", "busybox", name]);
    const { stdout, status } = await daemon.docker(["push", name]);
    expect([lines(stdout), status]).toEqual([
      [
        "The push refers to repository [HOST/docker/app]",
        "LAYER: Preparing",
        expect.stringMatching(/^LAYER: (Mounted from team\/(app|other)|Pushed)$/),
        expect.stringMatching(/^2: digest: sha256:[0-9a-f]{64} size: 405$/),
      ],
      0,
    ]);
  });

  test("--all-tags pushes each of them, --quiet prints the name alone", async () => {
    for (const tag of ["a", "b"]) await daemon.gantry(["tag", "busybox", `${registry.host}/many:${tag}`]);
    const printed = await push("--all-tags", `${registry.host}/many`);
    expect(printed.filter((line) => line.includes("digest:")).map((line) => line.slice(0, 2))).toEqual(["a:", "b:"]);
    expect(await push("-q", `${registry.host}/many:a`)).toEqual(["HOST/many:a"]);
  });

  test("what is not there, cannot be pushed, or has no registry is told in one sentence", async () => {
    const failing = async (...args: readonly string[]) => {
      const { stderr, status } = await daemon.gantry(["push", ...args]);
      return [status, stderr.replaceAll(registry.host, "HOST").trim()];
    };
    expect(await failing(`${registry.host}/nothing`)).toEqual([
      1,
      "Error response from daemon: An image does not exist locally with the tag: HOST/nothing",
    ]);
    expect(await failing(`${registry.host}/many:c`)).toEqual([
      1,
      "Error response from daemon: tag does not exist: HOST/many:c",
    ]);
    expect(await failing(`${registry.host}/many@sha256:${"0".repeat(64)}`)).toEqual([
      1,
      "Error response from daemon: cannot push a digest reference (name a tag)",
    ]);
    expect(await failing("-a", `${registry.host}/many:a`)).toEqual([1, "tag can't be used with --all-tags/-a"]);
    await daemon.gantry(["tag", "busybox", "127.0.0.1:1/app"]);
    expect(await failing("127.0.0.1:1/app")).toEqual([
      1,
      "Error response from daemon: cannot reach registry 127.0.0.1:1: connection refused (is it running, and the port right?)",
    ]);
  });

  test("of an image for several platforms all that are here go along, and an index stays whole where it can", async () => {
    using elsewhere = await startRegistry();
    const [name, index] = [`${registry.host}/multi:1`, multiPlatformArchive(`${registry.host}/multi:1`)];
    const path = join(daemon.directory, "multi.tar");
    writeFileSync(path, index.archive);
    expect((await daemon.gantry(["load", "-i", path])).stdout).toBe(`Loaded image: ${name}\n`);
    expect((await push(name)).at(-1)).toStartWith(`1: digest: ${index.digest} `);
    const raw = await run(["skopeo", "inspect", "--raw", "--tls-verify=false", `docker://${name}`]);
    expect(contentDigest(raw)).toBe(index.digest);
    expect((await push("--platform", "linux/arm64", name)).at(-1)).toStartWith(`1: digest: ${index.arm64} `);
    await push(name);
    await daemon.gantry(["rmi", name, `${registry.host}/multi@${index.arm64}`]);
    // Of a pull only this host's platform is here.
    expect((await daemon.gantry(["pull", "-q", `${registry.host}/multi@${index.digest}`])).status).toBe(0);
    await daemon.gantry(["tag", `${registry.host}/multi@${index.digest}`, `${registry.host}/multi:2`]);
    expect((await push(`${registry.host}/multi:2`)).at(-1)).toStartWith(`2: digest: ${index.digest} `);
    await daemon.gantry(["tag", `${registry.host}/multi:2`, `${elsewhere.host}/multi:2`]);
    const printed = await push(`${elsewhere.host}/multi:2`);
    expect(printed[1]).toBe(
      `Not all platforms of ${elsewhere.host}/multi:2 are here: pushing linux/amd64 of linux/amd64, linux/arm64`,
    );
    expect(printed.at(-1)).toStartWith(`2: digest: ${index.amd64} `);
  }, 60_000);

  const noDocker = skipReason({ root: true, programs: ["dockerd", "docker", "containerd"] });
  if (noDocker !== undefined) console.log(`skipped: ${noDocker}`);

  test.skipIf(noDocker !== undefined)(
    "prints what a real dockerd prints, and each pulls what the other pushed",
    async () => {
      await using docker = await openDocker(daemon.directory);
      const variants = await seedVariants(await seedBusybox(), join(daemon.directory, "variants"), ["one"]);
      for (const variant of variants) await pushSeed(variant, `${registry.host}/source/app:1`);
      const steps = (name: string): readonly (readonly string[])[] => [
        ["pull", "-q", `${registry.host}/source/app:1`],
        ["tag", `${registry.host}/source/app:1`, `${registry.host}/${name}/app:1`],
        ["push", `${registry.host}/${name}/app:1`],
        ["push", `${registry.host}/${name}/app:1`],
        ["push", `${registry.host}/${name}/app:none`],
        ["push", `${registry.host}/${name}/nothing`],
      ];
      const printed = async (
        name: string,
        call: (args: readonly string[]) => Promise<{ stdout: string; stderr: string }>,
      ) => {
        const all: string[] = [];
        for (const step of steps(name)) {
          const { stdout, stderr } = await call(step);
          all.push(...lines(stdout), ...lines(stderr.replace("Error response from daemon: ", "")));
        }
        // The digest is another: this dockerd packs and writes manifests anew.
        return all.map((line) => line.replaceAll(`/${name}/`, "/NAME/").replace(/sha256:\w+ size: \d+/, "DIGEST"));
      };
      const theirs = await printed("docker", (args) => docker.call(args));
      const ours = await printed("ours", (args) => daemon.gantry(args));
      expect(ours).toEqual(theirs);
      expect((await docker.call(["pull", `${registry.host}/ours/app:1`])).stdout).toContain("Status: Downloaded");
      expect((await daemon.gantry(["pull", `${registry.host}/docker/app:1`])).status).toBe(0);
    },
    120_000,
  );
});

/** An OCI archive of an image for two platforms. */
function multiPlatformArchive(name: string) {
  const blobs = new Map<string, string | Uint8Array>();
  const put = (content: string | Uint8Array, mediaType: string) => {
    const digest = contentDigest(content);
    blobs.set(`blobs/sha256/${digest.slice("sha256:".length)}`, content);
    return { mediaType, digest, size: Buffer.byteLength(content) };
  };
  const images = ["amd64", "arm64"].map((architecture) => {
    const { bytes, diffId, mediaType } = makeLayer([
      { type: "file", path: architecture, content: Buffer.from(architecture) },
    ]);
    const rootfs = { type: "layers", diff_ids: [diffId] };
    const config = put(JSON.stringify({ os: "linux", architecture, rootfs }), MEDIA_TYPES.ociConfig);
    const layers = [put(bytes, mediaType)];
    const manifest = { schemaVersion: 2, mediaType: MEDIA_TYPES.ociManifest, config, layers };
    return { ...put(JSON.stringify(manifest), MEDIA_TYPES.ociManifest), platform: { os: "linux", architecture } };
  });
  const document = { schemaVersion: 2, mediaType: MEDIA_TYPES.ociIndex, manifests: images };
  const index = put(JSON.stringify(document), MEDIA_TYPES.ociIndex);
  const annotations = { "io.containerd.image.name": name };
  const layout = { schemaVersion: 2, manifests: [{ ...index, annotations }] };
  blobs.set("oci-layout", '{"imageLayoutVersion":"1.0.0"}').set("index.json", JSON.stringify(layout));
  const entries = [...blobs].map(([path, content]) => ({ type: "file" as const, path, content: Buffer.from(content) }));
  const [amd64, arm64] = images.map(({ digest }) => digest);
  return { archive: makeTar(entries), digest: index.digest, amd64, arm64 };
}

/** A real dockerd, that runs nothing. */
async function openDocker(folder: string) {
  await using stack = new AsyncDisposableStack();
  const mounts = stack.use(await PrivateMounts.open());
  const place = join(folder, "docker");
  mkdirSync(place);
  const socket = `unix://${join(place, "sock")}`;
  const [file = "", ...args] = mounts.inside([
    ...["dockerd", "--data-root", join(place, "data"), "--exec-root", join(place, "exec"), "--storage-driver", "vfs"],
    ...["--pidfile", join(place, "pid"), "--host", socket, "--bridge", "none", "--iptables=false"],
  ]);
  const child = spawn(file, args, { stdio: ["ignore", "ignore", "pipe"] });
  let log = "";
  child.stderr.on("data", (chunk: Buffer) => {
    log = `${log}${chunk}`.slice(-4000);
  });
  const call = async (command: readonly string[]) => {
    const client = spawn("docker", ["--host", socket, ...command], { stdio: ["ignore", "pipe", "pipe"] });
    const output = { stdout: "", stderr: "" };
    for (const name of ["stdout", "stderr"] as const) {
      client[name].on("data", (chunk: Buffer) => {
        output[name] += chunk.toString();
      });
    }
    const status = await new Promise((resolve) => client.once("close", resolve));
    return { ...output, status };
  };
  await until("dockerd answers", async () => {
    if (child.exitCode !== null) throw new Error(log);
    return (await call(["version"])).status === 0;
  });
  const owned = stack.move();
  return {
    call,
    async [Symbol.asyncDispose]() {
      await endChild(child);
      await owned.disposeAsync();
    },
  };
}

describe.skipIf(skip !== undefined)("a registry that wants to know who asks", () => {
  test("login, what needs it, logout", async () => {
    await using daemon = await TestDaemon.start();
    using registry = await startRegistry({ users: { ann: "se:cret" } });
    const environment = { HOME: daemon.directory };
    const gantry = async (args: readonly string[], input?: string) => {
      const result = await daemon.gantry(args, { environment, ...(input === undefined ? {} : { input }) });
      return { ...result, stderr: result.stderr.replaceAll(registry.host, "HOST") };
    };
    const name = `${registry.host}/private/app:1`;
    await gantry(["tag", "busybox", name]);
    expect(await gantry(["push", name])).toMatchObject({
      status: 1,
      stderr: expect.stringContaining("unauthorized: authentication required (log in with `gantry login`"),
    });
    const login = ["login", "-u", "ann", "--password-stdin", registry.host];
    expect(await gantry(login, "wrong\n")).toMatchObject({
      status: 1,
      stderr: "Error response from daemon: cannot log in to HOST: unauthorized: authentication required\n",
    });
    const path = join(daemon.directory, ".docker/config.json");
    mkdirSync(join(daemon.directory, ".docker"));
    writeFileSync(
      path,
      JSON.stringify({ psFormat: "table {{.ID}}", auths: { "other.lan": { auth: "b3RoZXI6eA==" } } }),
    );
    chmodSync(path, 0o644);
    expect(await gantry(login, "se:cret\n")).toMatchObject({
      status: 0,
      stdout: "Login Succeeded\n",
      stderr: expect.stringContaining(`WARNING! Your credentials are stored unencrypted in '${path}'.`),
    });
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(JSON.parse(readFileSync(path, "utf8"))).toEqual({
      psFormat: "table {{.ID}}",
      auths: {
        "other.lan": { auth: "b3RoZXI6eA==" },
        [registry.host]: { auth: Buffer.from("ann:se:cret").toString("base64") },
      },
    });
    expect((await gantry(["login", registry.host])).stdout).toBe(
      "Authenticating with existing credentials...\nLogin Succeeded\n",
    );
    expect((await gantry(["push", name])).status).toBe(0);
    // Docker's client reads what we wrote; what it wrote, we read.
    const docker = await daemon.docker(["push", name], {
      environment: { DOCKER_CONFIG: join(daemon.directory, ".docker") },
    });
    expect(docker.stdout).toContain("Layer already exists");
    await gantry(["rmi", name, "busybox"]);
    const ran = await gantry(["run", "--rm", "--network", "none", name, "echo", "here"]);
    expect([ran.stdout, ran.status]).toEqual(["here\n", 0]);
    expect((await gantry(["logout", registry.host])).stdout).toBe(`Removing login credentials for ${registry.host}\n`);
    expect((await gantry(["logout", registry.host])).stdout).toBe(`Not logged in to ${registry.host}\n`);
    await gantry(["rmi", name]);
    const refused = await gantry(["pull", name]);
    expect([refused.status, refused.stderr]).toEqual([1, expect.stringContaining("may require 'docker login'")]);
    await daemon.docker(["login", "-u", "ann", "--password-stdin", registry.host], { input: "se:cret" });
    const dockers = { HOME: "/proc/nowhere", DOCKER_CONFIG: daemon.directory };
    expect((await daemon.gantry(["pull", name], { environment: dockers })).status).toBe(0);
  }, 120_000);
});
