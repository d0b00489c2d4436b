import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fakeApi, fakeTerminal, runMain } from "../../../test/support/cli-double.ts";
import { FakeRegistry, refuse } from "../../../test/support/fake-registry.ts";
import { ApiError } from "../../api/api-error.ts";
import type { RegistryAuth } from "../../api/image.ts";
import { GantryError } from "../../errors/gantry-error.ts";

let home: string;
let asked: RegistryAuth[];

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "gantry-login-"));
  asked = [];
});

afterEach(() => rmSync(home, { recursive: true, force: true }));

const path = () => join(home, ".docker/config.json");
const kept = () => JSON.parse(readFileSync(path(), "utf8")).auths;
const base64 = (text: string) => Buffer.from(text).toString("base64");

/** A registry that takes these passwords. */
function run(
  args: readonly string[],
  options: { readonly input?: readonly string[]; readonly isTerminal?: boolean; readonly token?: string } = {},
) {
  const api = fakeApi({
    logIn: async (auth) => {
      asked.push(auth);
      if (auth.password !== "secret") throw new ApiError(401, "unauthorized: incorrect username or password");
      return { Status: "Login Succeeded", IdentityToken: options.token ?? "" };
    },
  });
  const { input = [], isTerminal = false } = options;
  return runMain(args, { terminal: fakeTerminal({ input, isTerminal, environment: { HOME: home } }), api });
}

describe("login", () => {
  test("asks for name and password on a terminal, and keeps them for Docker's registry", async () => {
    const { stdout, stderr, status } = await run(["login"], { isTerminal: true, input: ["ann\n", "sec\x7fcret\r"] });
    expect([stdout, status]).toEqual(["Login Succeeded\n", 0]);
    expect(stderr).toStartWith("Username: Password: \r\n\nWARNING! Your credentials are stored unencrypted in");
    expect(asked).toEqual([{ username: "ann", password: "secret", serveraddress: "https://index.docker.io/v1/" }]);
    expect(kept()).toEqual({ "https://index.docker.io/v1/": { auth: base64("ann:secret") } });
  });

  test("an identity token is kept in the password's place", async () => {
    const args = ["login", "-u", "ann", "--password-stdin", "https://registry.lan:5000/"];
    expect((await run(args, { input: ["secret\r\n"], token: "refresh" })).status).toBe(0);
    expect(kept()).toEqual({ "registry.lan:5000": { auth: base64("ann:"), identitytoken: "refresh" } });
  });

  test("credentials that do no longer are asked for again; a refusal keeps what was there", async () => {
    await run(["login", "-u", "ann", "-p", "secret", "registry.lan"]);
    const again = await run(["login", "registry.lan"]);
    expect(again.stdout).toBe("Authenticating with existing credentials...\nLogin Succeeded\n");
    const wrong = await run(["login", "-u", "ann", "-p", "wrong", "registry.lan"]);
    expect([wrong.status, wrong.stderr.split("\n").at(-2)]).toEqual([
      1,
      "Error response from daemon: unauthorized: incorrect username or password",
    ]);
    expect(kept()).toEqual({ "registry.lan": { auth: base64("ann:secret") } });
  });

  test.each([
    [["login"], "Cannot perform an interactive login from a non TTY device"],
    [["login", "--password-stdin"], "Must provide --username with --password-stdin"],
    [["login", "-p", "x", "--password-stdin"], "--password and --password-stdin are mutually exclusive"],
    [["login", "-u", "ann", "-p", ""], "password is required"],
    [["login", "not a host"], 'invalid registry "not a host"'],
    [["logout", "UPPER/case"], "Not logged in to UPPER"],
  ])("%j", async (args, sentence) => {
    const { stdout, stderr } = await run(args);
    expect(`${stdout}${stderr}`).toContain(sentence);
    expect([asked, existsSync(path())]).toEqual([[], false]);
  });
});

/** A registry whose tokens are for one password, and for the identity token that it gives for that. */
async function startTokenRegistry(): Promise<FakeRegistry> {
  const registry = await FakeRegistry.start();
  registry.intercept = (request, response) => {
    const { pathname } = new URL(request.url ?? "", "http://x");
    if (pathname === "/token") {
      void giveToken(request, response);
      return true;
    }
    if (request.headers.authorization === "Bearer good") return false;
    response.setHeader("www-authenticate", `Bearer realm="http://${registry.host}/token",service="test"`);
    refuse(response, 401, "UNAUTHORIZED", "authentication required");
    return true;
  };
  return registry;
}

async function giveToken(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const isPassword = request.headers.authorization === `Basic ${base64("ann:secret")}`;
  if (isPassword || new URLSearchParams(await text(request)).get("refresh_token") === "refresh")
    response.end(JSON.stringify({ access_token: "good", refresh_token: "refresh" }));
  else refuse(response, 401, "UNAUTHORIZED", "incorrect username or password");
}

describe.each([
  ["where no daemon answers", new GantryError("unavailable", "no daemon answers at /run/gantry/gantry.sock")],
  ["where the daemon may not be asked", new GantryError("permission-denied", "cannot use the daemon: only root may")],
])("login, %s", (_, api) => {
  const byItself = (args: readonly string[], more: Readonly<Record<string, string>> = {}) =>
    runMain(["login", ...args], { terminal: fakeTerminal({ environment: { HOME: home, ...more } }), api });

  test("asks the registry itself, keeps the identity token that it gives, and asks with that the next time", async () => {
    using registry = await startTokenRegistry();
    const first = await byItself(["-u", "ann", "-p", "secret", registry.host]);
    expect([first.stdout, first.status]).toEqual(["Login Succeeded\n", 0]);
    expect(kept()).toEqual({ [registry.host]: { auth: base64("ann:"), identitytoken: "refresh" } });
    const again = await byItself([registry.host]);
    expect(again.stdout).toBe("Authenticating with existing credentials...\nLogin Succeeded\n");
  });

  test("what the registry refuses is told, and not kept", async () => {
    using registry = await startTokenRegistry();
    const refused = await byItself(["-u", "ann", "-p", "wrong", registry.host]);
    expect([refused.status, refused.stdout, existsSync(path())]).toEqual([1, "", false]);
    expect(refused.stderr).toContain("incorrect username or password");
    expect(refused.stderr).not.toContain("daemon");
  });

  test("credentials that do no longer are asked for again", async () => {
    using registry = await startTokenRegistry();
    await run(["login", "-u", "ann", "-p", "secret", registry.host], { token: "of yesterday" });
    const again = await byItself([registry.host]);
    expect(again.stderr).toMatch(/^Stored credentials invalid or expired: .*incorrect username or password/);
    expect(again.stderr).toContain("Cannot perform an interactive login from a non TTY device");
  });

  test("registries.toml holds", async () => {
    using registry = await startTokenRegistry();
    const file = join(home, "registries.toml");
    writeFileSync(file, `[[registry]]\nprefix = "${registry.host}"\nblocked = true\n`);
    const blocked = await byItself(["-u", "ann", "-p", "secret", registry.host], { GANTRY_REGISTRIES: file });
    expect(blocked.stderr).toContain(`registry ${registry.host} is blocked (registries.toml says so)`);
    expect([blocked.status, registry.requests]).toEqual([1, []]);
  });
});

test("login: a daemon that is there and fails is not passed over", async () => {
  using registry = await startTokenRegistry();
  const api = fakeApi({
    logIn: async () => {
      throw new ApiError(503, "cannot reach the registry");
    },
  });
  const args = ["login", "-u", "ann", "-p", "secret", registry.host];
  const failed = await runMain(args, { terminal: fakeTerminal({ environment: { HOME: home } }), api });
  expect(failed.stderr).toEndWith("Error response from daemon: cannot reach the registry\n");
  const unknown = new GantryError("unsupported", 'cannot use host "tcp://x"');
  const told = await runMain(args, { terminal: fakeTerminal({ environment: { HOME: home } }), api: unknown });
  expect(told.stderr).toEndWith('gantry: cannot use host "tcp://x"\n');
  expect([failed.status, told.status, registry.requests]).toEqual([1, 1, []]);
});
