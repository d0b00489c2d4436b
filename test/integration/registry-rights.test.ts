import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openAccounts } from "../../src/daemon/registry-accounts.ts";
import { RIGHTS } from "../support/access-fixture.ts";
import { run, skipReason } from "../support/command.ts";
import { OwnRegistry } from "../support/own-registry.ts";
import { busyboxSkipReason, type SeedImage, seedBusybox } from "../support/seed-images.ts";

const skipped = skipReason({ programs: ["skopeo", "podman", "htpasswd", "curl"] }) ?? busyboxSkipReason();

/** Others' programs against a registry with users: `skopeo`, `podman`, Apache's `htpasswd`. */
describe.skipIf(skipped !== undefined)(`a registry with users${skipped === undefined ? "" : ` (${skipped})`}`, () => {
  let folder: string;
  let registry: OwnRegistry;
  let image: SeedImage;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "gantry-rights-"));
    await run(["htpasswd", "-cbB", "-C", "5", join(folder, "passwords"), "bob", "bobs password"]);
    writeFileSync(join(folder, "access.toml"), `htpasswd = "passwords"\n${RIGHTS}`);
    const accounts = openAccounts(join(folder, "access.toml"));
    await accounts.add("alice", { password: "alices password", groups: ["team"], certificates: [] });
    registry = await OwnRegistry.start({ root: folder });
    image = await seedBusybox();
  }, 60_000);

  afterAll(async () => {
    await registry?.[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  /** The output, or the failure's text. */
  async function tried(command: readonly string[]): Promise<string> {
    return await run(command).catch((error: Error) => error.message);
  }

  async function push(credentials: string | undefined, repository: string): Promise<string> {
    const who = credentials === undefined ? ["--dest-no-creds"] : ["--dest-creds", credentials];
    const target = `docker://${registry.host}/${repository}:1`;
    const flags = ["--quiet", "--insecure-policy", "--dest-tls-verify=false", ...who];
    return await tried(["skopeo", "copy", ...flags, `oci:${image.layout}:seed`, target]);
  }

  async function inspect(credentials: string | undefined, repository: string): Promise<string> {
    const who = credentials === undefined ? ["--no-creds"] : ["--creds", credentials];
    return await tried([
      "skopeo",
      "inspect",
      "--tls-verify=false",
      ...who,
      `docker://${registry.host}/${repository}:1`,
    ]);
  }

  test("each user of either file pushes where they may, and nowhere else", async () => {
    expect(await push("alice:alices password", "team/app")).toBe("");
    expect(await push("bob:bobs password", "bob/app")).toBe("");
    expect(await push("bob:bobs password", "team/app")).toContain("denied");
    expect(await push("bob:bobs password", "alice/app")).toContain("denied");
    expect(await push("bob:another password", "bob/app")).toContain("unknown user, or wrong password");
    expect(await push(undefined, "public/app")).toContain("denied");
  }, 60_000);

  test("each pulls what they may, and so does who has no name", async () => {
    await push("alice:alices password", "team/app");
    expect(await inspect("alice:alices password", "team/app")).toContain('"Digest"');
    expect(await inspect("bob:bobs password", "team/app")).toContain("denied");
    expect(await inspect(undefined, "team/app")).toContain("denied");
    writeFileSync(join(folder, "access.toml"), rules().replace('["public/**"]', '["team/**"]'));
    expect(await inspect(undefined, "team/app")).toContain('"Digest"');
    writeFileSync(join(folder, "access.toml"), rules().replace('["team/**"]', '["public/**"]'));
  }, 60_000);

  test("only who may delete does", async () => {
    await push("alice:alices password", "team/app");
    await push("alice:alices password", "alice/app");
    const remove = (repository: string): Promise<string> => {
      const who = ["--tls-verify=false", "--creds", "alice:alices password"];
      return tried(["skopeo", "delete", ...who, `docker://${registry.host}/${repository}:1`]);
    };
    expect(await remove("team/app")).toContain("alice may not delete team/app");
    expect(await remove("alice/app")).toBe("");
    expect(await inspect("alice:alices password", "alice/app")).toContain("manifest unknown");
  }, 60_000);

  test("logging in is tried, not believed", async () => {
    const login = (password: string): Promise<string> => {
      const file = ["--authfile", join(folder, "auth.json"), "--tls-verify=false"];
      return tried(["podman", "login", ...file, "-u", "alice", "-p", password, registry.host]);
    };
    expect(await login("wrong")).toContain("invalid username/password");
    expect(await login("alices password")).toContain("Login Succeeded!");
  }, 60_000);

  test("the catalogue has what one may pull", async () => {
    await push("bob:bobs password", "bob/app");
    const listed = async (user: string): Promise<unknown> =>
      JSON.parse(await run(["curl", "--silent", "--user", user, `${registry.url}/v2/_catalog`]));
    expect(await listed("bob:bobs password")).toEqual({ repositories: ["bob/app"] });
    expect(JSON.stringify(await listed("alice:alices password"))).not.toContain("bob/app");
  }, 60_000);

  test("a user who is removed is out at once, token or not", async () => {
    const accounts = openAccounts(join(folder, "access.toml"));
    await accounts.add("carol", { password: "carols password", groups: ["team"], certificates: [] });
    expect(await push("carol:carols password", "carol/app")).toBe("");
    const token = JSON.parse(
      await run([
        "curl",
        "--silent",
        "--user",
        "carol:carols password",
        `${registry.url}/token?scope=repository:carol/app:pull`,
      ]),
    ).token as string;
    const status = async (): Promise<number> => {
      const headers = { authorization: `Bearer ${token}` };
      return (await fetch(`${registry.url}/v2/carol/app/manifests/1`, { headers })).status;
    };
    expect(await status()).toBe(200);
    await accounts.remove("carol");
    expect(await status()).toBe(401);
    expect(await push("carol:carols password", "carol/app")).toContain("unknown user, or wrong password");
    expect(registry.warnings).toEqual([]);
  }, 60_000);

  function rules(): string {
    return readFileSync(join(folder, "access.toml"), "utf8");
  }
});
