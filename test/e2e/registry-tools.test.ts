import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chownSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "../support/command.ts";
import { checkoutProgram, daemonSkipReason, TestDaemon } from "../support/daemon.ts";
import { asOtherUser, otherUserSkipReason } from "../support/other-user.ts";
import { registrySkipReason, startRegistry, type TestRegistry } from "../support/registry.ts";
import { busyboxSkipReason, pushSeed, seedBusybox } from "../support/seed-images.ts";

/** Of an account without rights. */
const USER_ID = 65_534;
const skip =
  daemonSkipReason(["openssl"]) ?? registrySkipReason() ?? busyboxSkipReason() ?? otherUserSkipReason(USER_ID);
if (skip !== undefined) console.log(`skipped: ${skip}`);

describe.skipIf(skip !== undefined)("between registries", () => {
  /** Never started: what is tested here needs none. */
  let nobody: TestDaemon;
  let plain: TestRegistry;
  let secured: TestRegistry;

  beforeAll(async () => {
    nobody = new TestDaemon();
    const [key, certificate] = ["key.pem", "certificate.pem"].map((name) => join(nobody.directory, name));
    const how = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
    const names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"];
    await run(["openssl", "req", "-x509", ...how, ...names, "-keyout", key ?? "", "-out", certificate ?? ""]);
    plain = await startRegistry();
    secured = await startRegistry({
      users: { ann: "secret" },
      tls: { certificate: certificate ?? "", key: key ?? "" },
    });
    await pushSeed(await seedBusybox(), `${plain.host}/team/app:1`);
    mkdirSync(join(nobody.directory, ".docker"));
    const auths = { [secured.host]: { auth: Buffer.from("ann:secret").toString("base64") } };
    writeFileSync(join(nobody.directory, ".docker/config.json"), JSON.stringify({ auths }));
  }, 120_000);

  afterAll(async () => {
    await nobody?.[Symbol.asyncDispose]();
    plain?.[Symbol.dispose]();
    secured?.[Symbol.dispose]();
  });

  const gantry = (...args: readonly string[]) => nobody.gantry(args, { environment: { HOME: nobody.directory } });

  const inspect = async (name: string, ...more: readonly string[]) =>
    (
      await run(["skopeo", "inspect", "--tls-verify=false", "--format={{.Digest}}", ...more, `docker://${name}`])
    ).trim();

  test("image copy, without a daemon: plain HTTP to TLS with a password, mounted within one, the digest stays", async () => {
    const [from, to] = [`${plain.host}/team/app:1`, `${secured.host}/copies/app`];
    const digest = await inspect(from);
    const first = await gantry("image", "copy", from, to);
    expect(first).toMatchObject({ status: 0, stderr: "" });
    expect(first.stdout.trim().split("\n")).toEqual([
      expect.stringMatching(/^[0-9a-f]{12}: Copied$/),
      expect.stringMatching(/^[0-9a-f]{12}: Copied$/),
      `${to}:1: digest: ${digest} size: 405`,
    ]);
    expect(await inspect(`${to}:1`, "--creds=ann:secret")).toBe(digest);
    const second = await gantry("image", "copy", `${to}:1`, `${secured.host}/other/app:2`);
    expect(second.stdout).toContain("Mounted from copies/app");
    expect((await gantry("image", "copy", "-q", `${to}@${digest}`, `${to}:again`)).stdout).toBe(`${digest}\n`);
    const json = await gantry("image", "copy", "--format", "json", from, to);
    expect(JSON.parse(json.stdout)).toMatchObject({ Name: `${to}:1`, Digest: digest, Size: 405, Referrers: 0 });
  });

  test("image ls-remote: tags, what they stand for, one of them, and what is not there", async () => {
    const repository = `${secured.host}/copies/app`;
    const digest = await inspect(`${plain.host}/team/app:1`);
    // In the registry's order, which is any.
    const tags = (await gantry("image", "ls-remote", repository)).stdout.trim().split("\n");
    expect([tags[0], ...tags.slice(1).sort()]).toEqual(["TAG", "1", "again"]);
    expect((await gantry("image", "ls-remote", "-q", "--limit", "1", repository)).stdout).toMatch(/^(1|again)\n$/);
    const table = await gantry("image", "ls-remote", "--digests", repository);
    expect(table.stdout).toMatch(
      new RegExp(`^TAG +DIGEST +MEDIA TYPE +MANIFEST\n(again .*\n)?1 +${digest} +application/\\S+ +405B\n`),
    );
    const one = await gantry("image", "ls-remote", "--format", "{{.Tag}} {{.Digest}}", `${repository}:again`);
    expect(one.stdout).toBe(`again ${digest}\n`);
    for (const host of [plain.host, `${plain.host}/`, "registry.test:5000"]) {
      const at = host.replace("/", "");
      const nameless = await gantry("image", "ls-remote", host);
      expect(nameless.stderr).toBe(
        `gantry: ${host} names a registry, and no repository (write ${at}/NAME; \`gantry search ${at}/\` says what it has)\n`,
      );
    }
    const missing = await gantry("image", "ls-remote", `${plain.host}/nothing`);
    expect([missing.status, missing.stderr]).toEqual([
      1,
      expect.stringContaining(`cannot list the tags of ${plain.host}/nothing: name unknown`),
    ]);
    const stranger = { environment: { HOME: join(nobody.directory, "stranger") } };
    const refused = await nobody.gantry(["image", "ls-remote", repository], stranger);
    expect([refused.status, refused.stderr]).toEqual([1, expect.stringContaining("unauthorized")]);
  });

  test("image rm-remote: by digest, by tag where the registry can, and what is not there or not named", async () => {
    const [app, doomed] = [`${plain.host}/team/app:1`, `${secured.host}/doomed/app`];
    const digest = await inspect(app);
    for (const tag of ["1", "2"]) await gantry("image", "copy", "-q", app, `${doomed}:${tag}`);
    // docker-registry 2 deletes no tags.
    const tag = await gantry("image", "rm-remote", `${doomed}:1`);
    expect(tag.status).toBe(1);
    expect(tag.stderr).toStartWith(`gantry: registry ${secured.host} does not delete ${doomed}:1: `);
    expect(tag.stderr).toContain("`gantry image ls-remote --digests` shows them");
    const whole = await gantry("image", "rm-remote", `${doomed}@${digest}`);
    expect(whole).toMatchObject({ status: 0, stdout: `Deleted: ${doomed}@${digest}\n`, stderr: "" });
    const again = await gantry("image", "rm-remote", `${doomed}@${digest}`);
    expect([again.status, again.stderr]).toEqual([
      1,
      expect.stringContaining(`cannot delete ${doomed}@${digest}: manifest unknown`),
    ]);
    const nothing = await gantry("image", "rm-remote", doomed);
    expect([nothing.status, nothing.stderr]).toEqual([
      1,
      expect.stringContaining(`${doomed} names a repository and nothing in it`),
    ]);
    const stranger = { environment: { HOME: join(nobody.directory, "stranger") } };
    const refused = await nobody.gantry(["image", "rm-remote", `${secured.host}/copies/app:1`], stranger);
    expect([refused.status, refused.stderr]).toEqual([1, expect.stringContaining("unauthorized")]);
    expect((await gantry("image", "ls-remote", "-q", `${secured.host}/copies/app:1`)).stdout).toBe("1\n");
  });

  test("login, by a user without rights: no daemon is there, and none is started", async () => {
    await using anybody = new TestDaemon({}, [...asOtherUser(USER_ID), ...checkoutProgram]);
    const environment = { HOME: anybody.directory };
    chownSync(anybody.directory, USER_ID, USER_ID);
    const login = ["login", "-u", "ann", "--password-stdin", secured.host];
    expect(await anybody.gantry(login, { environment, input: "wrong\n" })).toEqual({
      status: 1,
      stdout: "",
      stderr: `gantry: cannot log in to ${secured.host}: unauthorized: authentication required\n`,
    });
    expect(await anybody.gantry(login, { environment, input: "secret\n" })).toMatchObject({
      status: 0,
      stdout: "Login Succeeded\n",
    });
    const listed = await anybody.gantry(["image", "ls-remote", "-q", `${secured.host}/copies/app:1`], { environment });
    expect(listed).toMatchObject({ status: 0, stdout: "1\n" });
    const elsewhere = ["--host", `unix://${anybody.directory}/elsewhere.sock`, ...login];
    const named = await anybody.gantry(elsewhere, { environment, input: "secret\n" });
    expect([named.status, named.stdout, named.stderr]).toEqual([
      1,
      "",
      expect.stringContaining("cannot connect to the daemon at unix://"),
    ]);
    expect([anybody.root, anybody.state].filter((path) => existsSync(path))).toEqual([]);
  });

  test("search, by gantry and by docker: of a registry without a search the catalogue, and it says so", async () => {
    await using daemon = await TestDaemon.start({ busybox: false });
    const name = `${plain.host}/team/app`;
    const ours = await daemon.gantry(["search", "--no-trunc", `${plain.host}/app`]);
    expect(ours.stdout.split("\n").slice(0, 2)).toEqual([
      expect.stringMatching(/^NAME +DESCRIPTION +STARS +OFFICIAL$/),
      expect.stringMatching(new RegExp(`^${name} +\\(from the catalogue of ${plain.host}, which has no search\\) +0`)),
    ]);
    const theirs = await daemon.docker(["search", "--format", "{{.Name}}", `${plain.host}/app`]);
    expect([theirs.stdout, theirs.status]).toEqual([`${name}\n`, 0]);
    expect(
      (await daemon.gantry(["search", "-f", "stars=1", `${plain.host}/app`])).stdout.trim().split("\n").length,
    ).toBe(1);
    expect((await daemon.gantry(["search", "--limit", "101", `${plain.host}/app`])).stderr).toContain(
      "Limit 101 is outside the range of [1, 100]",
    );
    const described = await daemon.api().inspectDistribution(`${name}:1`);
    expect(described.Descriptor.digest).toBe(await inspect(`${name}:1`));
    expect(described.Platforms).toEqual([{ os: "linux", architecture: "amd64" }]);
  }, 60_000);
});
