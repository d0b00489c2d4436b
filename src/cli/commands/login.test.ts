import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fakeApi, fakeTerminal, runMain } from "../../../test/support/cli-double.ts";
import { ApiError } from "../../api/api-error.ts";
import type { RegistryAuth } from "../../api/image.ts";

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
