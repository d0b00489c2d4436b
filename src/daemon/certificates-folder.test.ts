import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { certificatesReader } from "./certificates-folder.ts";

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "gantry-certs-"));
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

function put(parent: string, names: readonly string[]): void {
  const folder = join(root, parent, "registry.lan:5000");
  mkdirSync(folder, { recursive: true });
  for (const name of names) writeFileSync(join(folder, name), `${parent} ${name}`);
}

const read = (host = "registry.lan:5000") => certificatesReader([join(root, "ours"), join(root, "docker")])(host);

describe("certificatesReader", () => {
  test("nothing there is nothing", () => {
    expect(read()).toBeUndefined();
  });

  test("authorities and the client's certificate, of the first folder that has any", () => {
    put("docker", ["ca.crt", "other.crt", "client.cert", "client.key", "README"]);
    expect(read()).toEqual({
      authorities: ["docker ca.crt", "docker other.crt"],
      client: { certificate: "docker client.cert", key: "docker client.key" },
    });
    put("ours", ["ca.crt"]);
    expect(read()).toEqual({ authorities: ["ours ca.crt"] });
  });

  test("a folder holds for each spelling of its registry, and for no other port", () => {
    put("docker", ["ca.crt"]);
    mkdirSync(join(root, "docker/lan.example"));
    writeFileSync(join(root, "docker/lan.example/ca.crt"), "plain");
    const found = ["REGISTRY.lan:05000", "registry.lan", "lan.example:443", "lan.example:80"].map((host) => read(host));
    expect(found.map((one) => one?.authorities)).toEqual([["docker ca.crt"], undefined, ["plain"], undefined]);
    mkdirSync(join(root, "docker/lan.example:443"));
    writeFileSync(join(root, "docker/lan.example:443/ca.crt"), "own");
    expect(read("lan.example:443")).toEqual({ authorities: ["own"] });
  });

  test.each(["ca.crt", "client.cert", "client.key"])("%s that is a pipe is refused, and not waited for", (name) => {
    put("docker", ["ca.crt", "client.cert", "client.key"]);
    const path = join(root, "docker/registry.lan:5000", name);
    rmSync(path);
    spawnSync("mkfifo", [path]);
    expect(() => read()).toThrow(`cannot read ${path}`);
  });

  test.each([
    ["client.cert", "client.key"],
    ["client.key", "client.cert"],
  ])("%s without %s is an error", (name, other) => {
    put("docker", [name]);
    expect(() => read()).toThrow(`${name} needs ${other} beside it`);
  });
});
