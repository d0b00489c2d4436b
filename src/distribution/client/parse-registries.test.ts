import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { parseRegistries } from "./parse-registries.ts";
import { DEFAULT_REGISTRIES } from "./registries.ts";

describe("parseRegistries", () => {
  test("reads what podman's file has, and what is ours", () => {
    const config = parseRegistries(`
      unqualified-search-registries = ["registry.lan:5000"]
      [[registry]]
      host = "registry.lan:5000"
      insecure = true
      timeout = 2.5
      [[registry]]
      prefix = "docker.io"
      location = "mirror.lan/hub"
      proxy = "http://proxy.lan:3128"
      [[registry.mirror]]
      location = "one.lan"
      [[registry.mirror]]
      location = "two.lan:5000/hub"
      insecure = true
      pull-from-mirror = "digest-only"
      [[registry]]
      location = "quay.io/team"
      blocked = true
      mirrors = []
      [[registry]]
      prefix = "*.example.com"
      mirror-by-digest-only = true
      [[registry.mirror]]
      location = "one.lan"
    `);
    const plain = { isInsecure: false, isBlocked: false, mirrors: [] };
    expect(config).toEqual({
      defaultRegistry: "registry.lan:5000",
      registries: [
        { ...plain, prefix: "registry.lan:5000", isInsecure: true, timeoutMs: 2500 },
        {
          ...plain,
          prefix: "docker.io",
          location: "mirror.lan/hub",
          proxy: "http://proxy.lan:3128",
          mirrors: [
            { location: "one.lan", isInsecure: false, pulls: "all" },
            { location: "two.lan:5000/hub", isInsecure: true, pulls: "digest-only" },
          ],
        },
        { ...plain, prefix: "quay.io/team", isBlocked: true },
        {
          ...plain,
          prefix: "*.example.com",
          mirrors: [{ location: "one.lan", isInsecure: false, pulls: "digest-only" }],
        },
      ],
    });
  });

  test("the example is understood", () => {
    const example = readFileSync(new URL("../../../examples/registries.toml", import.meta.url), "utf8");
    const { registries } = parseRegistries(example);
    expect(registries.map(({ prefix, mirrors }) => `${prefix} ${mirrors.length}`)).toEqual([
      "docker.io 2",
      "old.example.com/team 0",
      "*.partner.example.net 0",
      "quay.io 0",
      "quay.io/trusted 0",
    ]);
  });

  test.each(["*.lan", "*.example.com"])("a prefix may be all hosts below a domain: %s", (prefix) => {
    expect(parseRegistries(`[[registry]]\nprefix = "${prefix}"\n`).registries).toMatchObject([{ prefix }]);
  });

  test("an empty file is the default", () => {
    expect(parseRegistries("# nothing\n")).toEqual(DEFAULT_REGISTRIES);
  });

  test("names everything that is wrong, with its line", () => {
    const toml = [
      'default = "a b"',
      "mirror = 1",
      "[[registry]]",
      'host = "https://x"',
      "insecure = 1",
      'timeout = "2 s"',
      "[[registry]]",
      'host = "a.b"',
      'mirrors = ["c.d"]',
      'proxy = "socks5://x"',
      "[[registry]]",
      'host = "a.b"',
      "  [[registry.mirror]]",
      'location = "c.d"',
      'pull-from-mirror = "sometimes"',
      "[[registry.mirror]]",
      'location = "https://c.d"',
      "[[registry]]",
      "insecure = true",
    ].join("\n");
    const failure = (() => {
      try {
        return String(parseRegistries(toml));
      } catch (error) {
        return (error as Error).message;
      }
    })();
    expect(failure.split("; ")).toEqual([
      "line 2: mirror is not known (default, unqualified-search-registries, registry are)",
      'line 4: registry[0].host is not a registry such as "registry.lan:5000"',
      "line 5: registry[0].insecure is not true or false",
      "line 6: registry[0].timeout is not a number of seconds up to 3600",
      'line 10: registry[1].proxy is not "direct" or an address such as "http://proxy.lan:3128"',
      "line 9: registry[1].mirrors is written [[registry.mirror]], one for each",
      "line 15: registry[2].mirror[0].pull-from-mirror is not one of all, digest-only, tag-only",
      'line 17: registry[2].mirror[1].location is not a place such as "mirror.lan:5000/docker-hub"',
      "line 18: registry[3] needs a prefix or a location",
      "line 11: registry[2] is the second one for a.b",
      'line 1: default is not a registry such as "docker.io"',
    ]);
  });

  test.each([
    ["x = ", "line 1: "],
    ['[[registry]]\nhost = "a.b"\n[[registry]]\nhost = "A.B"', "line 3: registry[1] is the second one for a.b"],
    ["[registry]\nlocation='x.y'", "line 1: registry is not a list of tables: write [[registry]]"],
    ['unqualified-search-registries = ["a.b", "c.d"]', "line 1: unqualified-search-registries is not a list of one"],
    ['default = "a.b"\nunqualified-search-registries = ["c.d"]', "line 2: unqualified-search-registries says the same"],
    ['[[registry]]\nhost = "a.b"\nlocation = "c.d"', "line 2: registry[0].host says the same as prefix and location"],
    ['[[registry]]\nprefix = "*.a.b:5000"', "line 2: registry[0].prefix is not the start of names"],
    ['[[registry]]\nprefix = "*.a.b/c"', "line 2: registry[0].prefix is not the start of names"],
  ])("%j is refused", (toml, problem) => {
    expect(() => parseRegistries(toml)).toThrow(problem);
  });
});
