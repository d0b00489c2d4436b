import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { formatError } from "../errors/gantry-error.ts";
import { CredentialStore } from "./credential-store.ts";

let home: string;
const base64 = (text: string): string => Buffer.from(text).toString("base64");

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "gantry-credentials-"));
});

afterEach(() => rmSync(home, { recursive: true, force: true }));

function write(path: string, content: unknown): void {
  mkdirSync(join(home, path, ".."), { recursive: true });
  writeFileSync(join(home, path), typeof content === "string" ? content : JSON.stringify(content));
}

const store = (extra: Readonly<Record<string, string>> = {}) =>
  CredentialStore.ofUser({ HOME: home, PATH: `${join(home, "bin")}:${process.env.PATH}`, ...extra });

/** A helper that keeps what it is given in a folder, and notes how it was called. */
function installHelper(name: string): void {
  write(
    `bin/docker-credential-${name}`,
    `#!/bin/sh
input=$(cat)
echo "$1 $input" >> "$HOME/calls"
case "$1" in
  get) [ -f "$HOME/kept" ] && cat "$HOME/kept" || { echo "credentials not found in native keychain"; exit 1; } ;;
  store) printf %s "$input" > "$HOME/kept" ;;
  erase) rm -f "$HOME/kept" ;;
esac
`,
  );
  chmodSync(join(home, `bin/docker-credential-${name}`), 0o755);
}

describe("CredentialStore", () => {
  test("finds what docker login wrote, of each form", async () => {
    write(".docker/config.json", {
      auths: {
        "https://index.docker.io/v1/": { auth: base64("ann:a:b") },
        "registry.lan:5000": { auth: base64("ann:"), identitytoken: "refresh" },
        "https://old.lan/v2/": { auth: base64("old:x") },
        "empty.lan": {},
      },
    });
    const found = ["docker.io", "registry.lan:5000", "old.lan", "empty.lan", "none.lan"].map((registry) =>
      store().findRegistry(registry),
    );
    expect(await Promise.all(found)).toEqual([
      { username: "ann", password: "a:b", serveraddress: "https://index.docker.io/v1/" },
      { identitytoken: "refresh", serveraddress: "registry.lan:5000" },
      { username: "old", password: "x", serveraddress: "old.lan" },
      undefined,
      undefined,
    ]);
  });

  test("one registry is the same under each spelling of its host, a default port with it; another port is another", async () => {
    write(".docker/config.json", {
      auths: {
        "Registry.lan:443": { auth: base64("ann:1") },
        "https://old.lan:443/v2/": { auth: base64("old:2") },
        "five.lan:5000": { auth: base64("five:3") },
        "five.lan:443/team": { auth: base64("team:4") },
        "https://index.docker.io/v1/": { auth: base64("hub:5") },
      },
    });
    const user = async (registry: string, repository = "") => (await store().find({ registry, repository }))?.username;
    expect(await user("registry.lan")).toBe("ann");
    expect(await user("registry.lan:443")).toBe("ann");
    expect(await user("registry.lan:80")).toBeUndefined();
    expect(await user("OLD.lan")).toBe("old");
    expect(await user("five.lan:05000")).toBe("five");
    expect(await user("five.lan")).toBeUndefined();
    expect(await user("five.lan", "team/app")).toBe("team");
    expect(await user("registry-1.docker.io", "library/busybox")).toBe("hub");
    await store().store("registry.lan", { username: "bob", password: "6" });
    expect([await user("registry.lan"), await user("Registry.lan:443")]).toEqual(["bob", "ann"]);
    expect([await store().erase("registry.lan:443"), await user("registry.lan")]).toEqual([true, undefined]);
    expect([await store().erase("five.lan"), await user("five.lan", "team/app")]).toEqual([false, "team"]);
  });

  test("reads podman's file where Docker's has nothing, the most special path first", async () => {
    const auths = {
      "quay.io": { auth: base64("whole:1") },
      "quay.io/team": { auth: base64("team:2") },
      "docker.io": { auth: base64("hub:3") },
    };
    write("run/containers/auth.json", { auths });
    write(".docker/config.json", { auths: { "other.lan": { auth: base64("x:y") } } });
    const user = async (repository: string, extra = {}) =>
      (await store({ XDG_RUNTIME_DIR: join(home, "run"), ...extra }).find({ registry: "quay.io", repository }))
        ?.username;
    expect(await user("team/app")).toBe("team");
    expect(await user("teams/app")).toBe("whole");
    expect((await store({ XDG_RUNTIME_DIR: join(home, "run") }).findRegistry("docker.io"))?.username).toBe("hub");
    write("else.json", { auths: { "quay.io": { auth: base64("named:4") } } });
    expect(await user("team/app", { REGISTRY_AUTH_FILE: join(home, "else.json") })).toBe("named");
    write(".docker/config.json", { auths: { "quay.io": { auth: base64("docker:5") } } });
    expect(await user("team/app")).toBe("docker");
  });

  test("keeps and forgets credentials; what else the file says stays, and nobody else reads it", async () => {
    write("dotfiles/config.json", { HttpHeaders: { a: "b" }, credsStore: "" });
    mkdirSync(join(home, ".docker"));
    symlinkSync(join(home, "dotfiles/config.json"), join(home, ".docker/config.json"));
    const path = join(home, "dotfiles/config.json");
    expect(await store().store("docker.io", { username: "ann", password: "p" })).toEqual({ isPlain: true });
    expect(await store().store("registry.lan", { username: "ann", identitytoken: "t" })).toEqual({ isPlain: true });
    expect(JSON.parse(readFileSync(path, "utf8"))).toEqual({
      HttpHeaders: { a: "b" },
      credsStore: "",
      auths: {
        "https://index.docker.io/v1/": { auth: base64("ann:p") },
        "registry.lan": { auth: base64("ann:"), identitytoken: "t" },
      },
    });
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect([await store().erase("docker.io"), await store().erase("docker.io")]).toEqual([true, false]);
    expect(Object.keys(JSON.parse(readFileSync(path, "utf8")).auths)).toEqual(["registry.lan"]);
  });

  test("asks the helper of a server, else the one for all; secrets are no arguments and lie in no file", async () => {
    installHelper("chain");
    write(".docker/config.json", { credHelpers: { "registry.lan": "chain" }, credsStore: "absent" });
    expect(await store().findRegistry("registry.lan")).toBeUndefined();
    expect(await store().store("registry.lan", { username: "ann", password: "p" })).toEqual({ isPlain: false });
    expect(readFileSync(join(home, ".docker/config.json"), "utf8")).not.toContain(base64("ann:p"));
    expect(await store().findRegistry("registry.lan")).toEqual({
      username: "ann",
      password: "p",
      serveraddress: "registry.lan",
    });
    await store().store("registry.lan", { username: "ann", identitytoken: "t" });
    expect(await store().findRegistry("registry.lan")).toMatchObject({ identitytoken: "t" });
    expect(await store().erase("registry.lan")).toBe(true);
    expect(readFileSync(join(home, "calls"), "utf8").trim().split("\n")).toEqual([
      "get registry.lan",
      'store {"ServerURL":"registry.lan","Username":"ann","Secret":"p"}',
      "get registry.lan",
      'store {"ServerURL":"registry.lan","Username":"<token>","Secret":"t"}',
      "get registry.lan",
      "erase registry.lan",
    ]);
    expect(await store().findRegistry("other.lan").then(String, formatError)).toBe(
      "cannot use the credential helper docker-credential-absent: it is not installed " +
        "(install it, or take credsStore and credHelpers out of config.json)",
    );
  });

  test("a helper is that of its server in each spelling, and is asked by the one that it was told", async () => {
    installHelper("chain");
    write("kept", { Username: "ann", Secret: "p" });
    write(".docker/config.json", { credHelpers: { "registry.lan": "chain" }, credsStore: "absent" });
    expect(await store().findRegistry("Registry.lan:443")).toMatchObject({ username: "ann", password: "p" });
    rmSync(join(home, "kept"));
    expect(await store().findRegistry("registry.lan:443")).toBeUndefined();
    expect(readFileSync(join(home, "calls"), "utf8").trim().split("\n")).toEqual([
      "get Registry.lan:443",
      "get registry.lan:443",
      "get registry.lan",
    ]);
    expect(await store().store("registry.lan:443", { username: "ann", password: "p" })).toEqual({ isPlain: false });
  });

  test("a helper that fails is told, without what it printed as an answer", async () => {
    write("bin/docker-credential-bad", '#!/bin/sh\necho \'{"Secret": "hunter2"\'\n');
    chmodSync(join(home, "bin/docker-credential-bad"), 0o755);
    write(".docker/config.json", { credsStore: "bad" });
    expect(await store().findRegistry("a.lan").then(String, formatError)).toBe(
      "the credential helper docker-credential-bad gave an answer that cannot be understood",
    );
    write(".docker/config.json", { credsStore: "../../evil" });
    expect(await store().findRegistry("a.lan").then(String, formatError)).toContain(
      "is no name of a credential helper",
    );
  });

  test.each(["{", "[]", '{"auths": []}', '{"auths": {"a": 1}}', '{"credsStore": 1}', '{"credHelpers": {"a": 1}}'])(
    "a file that is %s is neither used nor overwritten",
    async (content) => {
      write(".docker/config.json", content);
      const path = join(home, ".docker/config.json");
      const refusal = `cannot understand the credentials in ${path}: `;
      expect(await store().findRegistry("a.lan").then(String, formatError)).toContain(refusal);
      const kept = store().store("a.lan", { username: "u", password: "p" });
      expect(await kept.then(String, formatError)).toContain(refusal);
      expect(readFileSync(path, "utf8")).toBe(content);
    },
  );
});
