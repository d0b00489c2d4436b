import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openAccounts } from "../../src/daemon/registry-accounts.ts";
import { run, skipReason } from "../support/command.ts";
import { daemonSkipReason, TestDaemon, until } from "../support/daemon.ts";
import { endChild } from "../support/end-child.ts";
import { PrivateMounts } from "../support/private-mounts.ts";
import { startRegistry } from "../support/registry.ts";
import { RegistryProcess } from "../support/registry-process.ts";
import { archiveSeed, busyboxSkipReason, type SeedImage, seedBusybox, seedVariants } from "../support/seed-images.ts";

const programs = ["docker", "dockerd", "docker-registry", "nsenter", "openssl", "podman", "skopeo", "umoci", "unshare"];
const skip = skipReason({ root: true, programs }) ?? daemonSkipReason() ?? busyboxSkipReason();
if (skip !== undefined) console.log(`skipped: ${skip}`);

const USER = "ann";
const PASSWORD = "a secret of hers";

interface Served extends AsyncDisposable {
  readonly host: string;
}

interface Secured {
  readonly certificate: string;
  readonly key: string;
}

/** Gantry's registry, for everybody or behind TLS and a password. */
async function startOurs(secured?: Secured): Promise<Served> {
  if (secured === undefined) return await RegistryProcess.start();
  const root = mkdtempSync(join(tmpdir(), "gantry-clients-"));
  const config = join(root, "registry.toml");
  const tls = `[tls]\ncertificate = "${secured.certificate}"\nkey = "${secured.key}"\n`;
  writeFileSync(config, tls);
  const rights = '[[rights]]\nusers = ["*"]\nrepositories = ["**"]\nactions = ["*"]\n';
  writeFileSync(join(root, "access.toml"), rights);
  await openAccounts(join(root, "access.toml")).add(USER, { password: PASSWORD, groups: [], certificates: [] });
  const registry = await RegistryProcess.start({ root, args: ["--config", config] });
  const dispose = async (): Promise<void> => {
    await registry[Symbol.asyncDispose]();
    rmSync(root, { recursive: true, force: true });
  };
  return { host: registry.host, [Symbol.asyncDispose]: dispose };
}

/** What the tests are proven on. */
async function startOriginal(secured?: Secured): Promise<Served> {
  const registry = await startRegistry(secured === undefined ? {} : { tls: secured, users: { [USER]: PASSWORD } });
  return { host: registry.host, [Symbol.asyncDispose]: async () => registry[Symbol.dispose]() };
}

/** A folder and a mount namespace for programs of others, whose daemons and stores are here alone. */
class Place implements AsyncDisposable {
  readonly folder = mkdtempSync(join(tmpdir(), "gantry-clients-"));
  readonly #mounts: PrivateMounts;
  #dockerd: ReturnType<typeof spawn> | undefined;

  private constructor(mounts: PrivateMounts) {
    this.#mounts = mounts;
  }

  static async open(): Promise<Place> {
    return new Place(await PrivateMounts.open());
  }

  /** Runs a program that finds its credentials here; throws with its output if it fails. */
  async call(...command: readonly string[]): Promise<string> {
    const environment = [`DOCKER_CONFIG=${this.folder}`, `REGISTRY_AUTH_FILE=${join(this.folder, "config.json")}`];
    return await run(this.#mounts.inside(["env", ...environment, ...command]));
  }

  async podman(...args: readonly string[]): Promise<string> {
    const [root, runroot, tmpdir] = ["podman", "podman-run", "podman-tmp"].map((name) => join(this.folder, name));
    // The last one too: a podman of another test removes what is in /run/libpod.
    const places = ["--root", root ?? "", "--runroot", runroot ?? "", "--tmpdir", tmpdir ?? ""];
    return await this.call("podman", ...places, "--storage-driver", "vfs", "--events-backend", "file", ...args);
  }

  async docker(...args: readonly string[]): Promise<string> {
    return await this.call("docker", "--host", `unix://${join(this.folder, "docker.sock")}`, ...args);
  }

  /** Debian's dockerd, with nothing of the host's network. */
  async startDockerd(): Promise<void> {
    const at = (name: string): string => join(this.folder, name);
    const [file, ...args] = this.#mounts.inside([
      ...["dockerd", "--data-root", at("docker"), "--exec-root", at("docker-exec"), "--pidfile", at("docker.pid")],
      ...["--host", `unix://${at("docker.sock")}`, "--storage-driver", "vfs", "--bridge", "none", "--iptables=false"],
    ]);
    const child = spawn(file, args, { stdio: "ignore" });
    this.#dockerd = child;
    await until("dockerd answers", async () => {
      if (child.exitCode !== null) throw new Error(`dockerd ended with ${child.exitCode}`);
      return await this.docker("version").then(
        () => true,
        () => false,
      );
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.podman("system", "reset", "--force").catch(() => undefined);
    await endChild(this.#dockerd);
    await this.#mounts[Symbol.asyncDispose]();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

describe.skipIf(skip !== undefined)("programs of others", () => {
  let place: Place;
  let seed: SeedImage;
  let secured: Secured;
  beforeAll(async () => {
    place = await Place.open();
    seed = await seedBusybox();
    secured = { certificate: join(place.folder, "certificate.pem"), key: join(place.folder, "key.pem") };
    const how = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
    const names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"];
    const files = ["-keyout", secured.key, "-out", secured.certificate];
    await run(["openssl", "req", "-x509", ...how, ...names, ...files]);
    await place.startDockerd();
  }, 120_000);
  afterAll(async () => {
    await place?.[Symbol.asyncDispose]();
  }, 60_000);

  for (const { name, start, isSecured } of [
    { name: "gantry registry serve", start: startOurs, isSecured: false },
    { name: "gantry registry serve, behind TLS and a password", start: startOurs, isSecured: true },
    { name: "docker-registry", start: startOriginal, isSecured: false },
    { name: "docker-registry, behind TLS and a password", start: startOriginal, isSecured: true },
  ]) {
    describe(name, () => {
      let registry: Served;
      let host: string;
      beforeAll(async () => {
        registry = await start(isSecured ? secured : undefined);
        host = registry.host;
        const auths = isSecured ? { [host]: { auth: Buffer.from(`${USER}:${PASSWORD}`).toString("base64") } } : {};
        writeFileSync(join(place.folder, "config.json"), JSON.stringify({ auths }));
      }, 60_000);
      afterAll(async () => {
        await registry?.[Symbol.asyncDispose]();
      });

      const copy = async (from: string, to: string, ...flags: readonly string[]): Promise<void> => {
        const plain = ["--src-tls-verify=false", "--dest-tls-verify=false", "--insecure-policy", "--quiet"];
        await place.call("skopeo", "copy", ...plain, ...flags, from, to);
      };
      const inspect = async (reference: string): Promise<{ Digest: string; RepoTags: string[]; Layers: string[] }> =>
        JSON.parse(await place.call("skopeo", "inspect", "--tls-verify=false", `docker://${host}/${reference}`));
      const fails = (command: Promise<string>): Promise<string> =>
        command.then(
          (output) => `it worked: ${output}`,
          (error: Error) => error.message,
        );

      test("skopeo pushes, inspects, lists, copies and deletes", async () => {
        await copy(`oci:${seed.layout}:seed`, `docker://${host}/skopeo/app:1`);
        const { Digest, Layers } = await inspect("skopeo/app:1");
        await copy(`docker://${host}/skopeo/app@${Digest}`, `docker://${host}/skopeo/deep/er/copy:2`);
        expect(await inspect("skopeo/deep/er/copy:2")).toMatchObject({ Digest, Layers, RepoTags: ["2"] });
        await copy(`docker://${host}/skopeo/app:1`, `docker://${host}/skopeo/app:docker`, "--format", "v2s2");
        const docker = await inspect("skopeo/app:docker");
        expect(docker.Digest).not.toBe(Digest);
        expect(docker.RepoTags.toSorted()).toEqual(["1", "docker"]);
        const back = join(place.folder, `skopeo-${host.replace(":", "-")}`);
        await copy(`docker://${host}/skopeo/app:1`, `dir:${back}`);
        expect(readFileSync(join(back, "manifest.json"), "utf8")).toContain("schemaVersion");
        await place.call("skopeo", "delete", "--tls-verify=false", `docker://${host}/skopeo/deep/er/copy:2`);
        expect(await fails(inspect("skopeo/deep/er/copy:2").then(JSON.stringify))).toMatch(
          /manifest unknown|name unknown/i,
        );
        expect(await fails(inspect("skopeo/nobody:1").then(JSON.stringify))).toMatch(/manifest unknown|name unknown/i);
      }, 120_000);

      test("skopeo copies an index with all that is below it, and takes its layers from where they are", async () => {
        const variants = await seedVariants(seed, join(place.folder, `variants-${host.replace(":", "-")}`), ["a", "b"]);
        for (const [index, { layout }] of variants.entries())
          await copy(`oci:${layout}:seed`, `docker://${host}/many/${index}:1`);
        await place.podman("manifest", "create", `${host}/many/index:1`);
        for (const [index, architecture] of ["amd64", "arm64"].entries()) {
          const from = `docker://${host}/many/${index}:1`;
          const flags = ["--tls-verify=false", "--arch", architecture];
          await place.podman("manifest", "add", ...flags, `${host}/many/index:1`, from);
        }
        const target = [`${host}/many/index:1`, `docker://${host}/many/index:1`];
        await place.podman("manifest", "push", "--all", "--tls-verify=false", ...target);
        await copy(`docker://${host}/many/index:1`, `docker://${host}/many/again:1`, "--all");
        const raw = async (name: string): Promise<string> =>
          await place.call("skopeo", "inspect", "--raw", "--tls-verify=false", `docker://${host}/many/${name}:1`);
        expect(await raw("again")).toBe(await raw("index"));
        expect(JSON.parse(await raw("again")).manifests.length).toBe(2);
        await place.podman("manifest", "rm", `${host}/many/index:1`);
      }, 120_000);

      test("umoci changes what was pulled, and the change is pushed", async () => {
        const layout = join(place.folder, `umoci-${host.replace(":", "-")}`);
        await copy(`oci:${seed.layout}:seed`, `docker://${host}/umoci/app:1`);
        await copy(`docker://${host}/umoci/app:1`, `oci:${layout}:one`);
        writeFileSync(join(place.folder, "file"), "added by umoci");
        await place.call("umoci", "insert", "--image", `${layout}:one`, join(place.folder, "file"), "/added");
        await place.call("umoci", "config", "--image", `${layout}:one`, "--tag", "two", "--config.label", "who=umoci");
        await copy(`oci:${layout}:two`, `docker://${host}/umoci/app:2`);
        const [one, two] = [await inspect("umoci/app:1"), await inspect("umoci/app:2")];
        expect(two.Layers.length).toBe(one.Layers.length + 1);
        expect(two.Layers[0]).toBe(one.Layers[0] as string);
        const again = join(place.folder, `umoci-back-${host.replace(":", "-")}`);
        await copy(`docker://${host}/umoci/app:2`, `oci:${again}:two`);
        await place.call("umoci", "unpack", "--image", `${again}:two`, join(again, "bundle"));
        expect(readFileSync(join(again, "bundle/rootfs/added"), "utf8")).toBe("added by umoci");
      }, 120_000);

      test("podman pushes and pulls, by tag and by digest", async () => {
        const name = `${host}/podman/app:1`;
        await place.podman("load", "-q", "-i", await archive("docker.io/library/busybox:podman"));
        await place.podman("tag", "busybox:podman", name);
        await place.podman("push", "-q", "--tls-verify=false", name);
        const { Digest } = await inspect("podman/app:1");
        await place.podman("rmi", "--all", "--force");
        await place.podman("pull", "-q", "--tls-verify=false", `${host}/podman/app@${Digest}`);
        await place.podman("pull", "-q", "--tls-verify=false", name);
        expect(await place.podman("image", "inspect", "--format", "{{.Digest}}", name)).toBe(`${Digest}\n`);
        await place.podman("rmi", "--all", "--force");
      }, 120_000);

      test("docker logs in, pushes, pulls by tag and by digest, and pushes what is there already", async () => {
        const name = `${host}/docker/app:1`;
        if (isSecured) {
          const wrong = place.docker("login", "-u", USER, "-p", "wrong", host);
          expect(await fails(wrong)).toMatch(/unauthorized/i);
          await place.docker("login", "-u", USER, "-p", PASSWORD, host);
        }
        await place.docker("load", "-q", "-i", await archive("busybox:docker"));
        await place.docker("tag", "busybox:docker", name);
        const pushed = await place.docker("push", name);
        const digest = /digest: (sha256:[0-9a-f]{64}) size: \d+/.exec(pushed)?.[1];
        expect((await inspect("docker/app:1")).Digest).toBe(digest ?? "");
        expect(await place.docker("push", name)).toContain("Layer already exists");
        await place.docker("tag", name, `${host}/docker/other:1`);
        expect(await place.docker("push", `${host}/docker/other:1`)).toContain("Mounted from docker/app");
        await place.docker("rmi", "-f", name, `${host}/docker/other:1`, "busybox:docker");
        expect(await place.docker("pull", name)).toContain(`Digest: ${digest}`);
        await place.docker("rmi", "-f", name);
        expect(await place.docker("pull", `${host}/docker/app@${digest}`)).toContain(`Digest: ${digest}`);
        expect(await fails(place.docker("pull", `${host}/docker/app:none`))).toMatch(/manifest unknown|not found/);
        await place.docker("rmi", "-f", `${host}/docker/app@${digest}`);
      }, 120_000);

      test("another gantry logs in, pulls, runs, pushes, copies, and deletes", async () => {
        await using daemon = await TestDaemon.start({ busybox: false });
        const gantry = async (args: readonly string[], input?: string) =>
          await daemon.gantry(args, {
            environment: { HOME: daemon.directory },
            ...(input === undefined ? {} : { input }),
          });
        const works = async (...args: readonly string[]): Promise<string> => {
          const { status, stdout, stderr } = await gantry(args);
          if (status !== 0) throw new Error(`gantry ${args.join(" ")} ended with ${status}: ${stderr}`);
          return stdout;
        };
        const at = (name: string): string => `${host}/gantry/${name}`;
        await copy(`oci:${seed.layout}:seed`, `docker://${at("app:1")}`);
        const { Digest } = await inspect("gantry/app:1");
        if (isSecured) {
          for (const args of [["pull"], ["image", "ls-remote"]]) {
            const stranger = await gantry([...args, at("app:1")]);
            expect([stranger.status, stranger.stderr]).toEqual([
              1,
              expect.stringMatching(/unauthorized|pull access denied/i),
            ]);
          }
          const login = ["login", "-u", USER, "--password-stdin", host];
          expect(await gantry(login, "wrong")).toMatchObject({
            status: 1,
            stderr: expect.stringMatching(/unauthorized/i),
          });
          expect(await gantry(login, PASSWORD)).toMatchObject({ status: 0, stdout: "Login Succeeded\n" });
        }
        expect(await works("pull", at("app:1"))).toContain(Digest);
        expect(await works("run", "--rm", "--network", "none", at("app:1"), "echo", "it runs")).toBe("it runs\n");
        await works("tag", at("app:1"), at("pushed:2"));
        await works("push", at("pushed:2"));
        expect((await inspect("gantry/pushed:2")).Digest).toBe(Digest);
        expect(await works("image", "copy", "-q", at("pushed:2"), at("copied:3"))).toBe(`${Digest}\n`);
        expect(await works("image", "ls-remote", "-q", at("copied"))).toBe("3\n");
        await works("rmi", "-f", at("app:1"), at("pushed:2"));
        expect(await works("pull", at(`copied@${Digest}`))).toContain(Digest);
        // By a digest every registry deletes; ours by a tag alone too.
        await works("image", "rm-remote", at(start !== startOriginal ? "copied:3" : `copied@${Digest}`));
        const gone = await gantry(["pull", at("copied:3")]);
        expect([gone.status, gone.stderr]).toEqual([
          1,
          expect.stringMatching(/manifest unknown|name unknown|not found/i),
        ]);
      }, 120_000);

      async function archive(reference: string): Promise<string> {
        const path = join(place.folder, "archive.tar");
        rmSync(path, { force: true });
        mkdirSync(place.folder, { recursive: true });
        await archiveSeed(seed, "docker-archive", path, reference);
        return path;
      }
    });
  }
});
