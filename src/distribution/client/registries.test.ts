import { describe, expect, test } from "bun:test";
import { familiarReference, parseReference } from "../../oci/reference.ts";
import { parseRegistries } from "./parse-registries.ts";
import {
  DEFAULT_REGISTRIES,
  findRegistry,
  isLoopbackRegistry,
  pullPlaces,
  pushPlace,
  registryPlace,
} from "./registries.ts";

const DIGEST = `sha256:${"0".repeat(64)}`;

function places(toml: string, name: string): readonly string[] {
  const found = pullPlaces(parseRegistries(toml), parseReference(name));
  return found.map(({ reference, isInsecure }) => `${familiarReference(reference)}${isInsecure ? " insecure" : ""}`);
}

describe("findRegistry", () => {
  const config = parseRegistries(`
    [[registry]]
    prefix = "quay.io"
    [[registry]]
    prefix = "quay.io/team"
    [[registry]]
    prefix = "quay.io/team/app:1"
    [[registry]]
    prefix = "*.example.com"
    [[registry]]
    prefix = "lan.example:443"
    [[registry]]
    prefix = "lan.example/team"
  `);

  test.each([
    ["quay.io/x", "quay.io"],
    ["quay.io/team/x", "quay.io/team"],
    ["quay.io/teamwork/x", "quay.io"],
    ["quay.io/team/app:1", "quay.io/team/app:1"],
    ["quay.io/team/app:12", "quay.io/team"],
    ["a.example.com/x", "*.example.com"],
    ["a.b.example.com:5000/x", "*.example.com"],
    ["example.com/x", undefined],
    ["evilexample.com/x", undefined],
    ["quay.io.evil.lan/x", undefined],
    ["evil.lan/a.example.com/x", undefined],
    ["busybox", undefined],
    ["QUAY.io/team/app:1", "quay.io/team/app:1"],
    ["A.Example.COM:5000/x", "*.example.com"],
    ["quay.io:443/team/app:1", "quay.io/team/app:1"],
    ["lan.example/x", "lan.example:443"],
    ["LAN.example:443/team/x", "lan.example/team"],
    ["lan.example:5000/x", undefined],
    ["lan.example:80/x", undefined],
  ])("%s is of %s", (name, prefix) => {
    expect(findRegistry(config, parseReference(name))?.prefix).toBe(prefix);
  });
});

describe("pullPlaces", () => {
  test("mirrors come first, in their order, then the registry itself", () => {
    const toml = `
      [[registry]]
      prefix = "docker.io"
      [[registry.mirror]]
      location = "one.lan"
      [[registry.mirror]]
      location = "two.lan:5000/hub"
      insecure = true
    `;
    expect(places(toml, "busybox:1")).toEqual([
      "one.lan/library/busybox:1",
      "two.lan:5000/hub/library/busybox:1 insecure",
      "busybox:1",
    ]);
  });

  test("a mirror may be for digests or for tags alone", () => {
    const toml = `
      [[registry]]
      prefix = "quay.io"
      [[registry.mirror]]
      location = "digests.lan"
      pull-from-mirror = "digest-only"
      [[registry.mirror]]
      location = "tags.lan"
      pull-from-mirror = "tag-only"
    `;
    expect(places(toml, "quay.io/x")).toEqual(["tags.lan/x:latest", "quay.io/x:latest"]);
    expect(places(toml, `quay.io/x@${DIGEST}`)).toEqual([`digests.lan/x@${DIGEST}`, `quay.io/x@${DIGEST}`]);
  });

  test("a location takes the place of the prefix, for pushes too", () => {
    const toml = `
      [[registry]]
      prefix = "old.lan/team"
      location = "new.lan/group/team"
      insecure = true
      [[registry]]
      prefix = "*.example.com"
      location = "gate.lan"
    `;
    expect(places(toml, "old.lan/team/app:1")).toEqual(["new.lan/group/team/app:1 insecure"]);
    expect(places(toml, "a.example.com/app")).toEqual(["gate.lan/app:latest"]);
    expect(places(toml, "OLD.lan:443/team/app:1")).toEqual(["new.lan/group/team/app:1 insecure"]);
    expect(places(toml, "A.example.com:443/app")).toEqual(["gate.lan/app:latest"]);
    const push = pushPlace(parseRegistries(toml), parseReference("old.lan/team/app:1"));
    expect(familiarReference(push.reference)).toBe("new.lan/group/team/app:1");
  });

  test("what is blocked is neither pulled nor pushed; a longer prefix opens a part of it", () => {
    const toml = `
      [[registry]]
      prefix = "quay.io"
      blocked = true
      [[registry]]
      prefix = "quay.io/good"
    `;
    expect(() => places(toml, "quay.io/x")).toThrow("cannot pull quay.io/x:latest: registry quay.io is blocked");
    expect(() => places(toml, "Quay.IO/x")).toThrow("registry quay.io is blocked");
    expect(() => places(toml, "quay.io:443/x")).toThrow("registry quay.io is blocked");
    expect(() => registryPlace(parseRegistries(toml), "quay.io:443")).toThrow("registry quay.io:443 is blocked");
    expect(() => pushPlace(parseRegistries(toml), parseReference("quay.io/x"))).toThrow("cannot push quay.io/x:latest");
    expect(() => registryPlace(parseRegistries(toml), "quay.io")).toThrow("registry quay.io is blocked");
    expect(places(toml, "quay.io/good/x")).toEqual(["quay.io/good/x:latest"]);
  });
});

test("only this host's own registries are insecure without being listed", () => {
  const loopback = [
    "localhost",
    "localhost:5000",
    "a.localhost:1",
    "127.0.0.1:5000",
    "127.9.9.9",
    "[::1]:5000",
    "LOCALHOST:5000",
    "[0::1]:5000",
  ];
  const others = [
    "docker.io",
    "127.0.0.1.evil.example",
    "localhost.evil.example:5000",
    "10.0.0.1:5000",
    "[::2]:5000",
    "128.0.0.1",
  ];
  expect(loopback.map(isLoopbackRegistry)).toEqual(loopback.map(() => true));
  expect(others.map(isLoopbackRegistry)).toEqual(others.map(() => false));
  expect(pullPlaces(DEFAULT_REGISTRIES, parseReference("localhost:5000/x")).map((place) => place.isInsecure)).toEqual([
    true,
  ]);
});
