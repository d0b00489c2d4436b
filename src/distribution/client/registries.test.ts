import { describe, expect, test } from "bun:test";
import { DEFAULT_REGISTRIES, findRegistry, isLoopbackRegistry, parseRegistries } from "./registries.ts";

describe("parseRegistries", () => {
  test("reads the default, and what is insecure or blocked", () => {
    const config = parseRegistries(`
      default = "registry.lan:5000"
      [[registry]]
      host = "registry.lan:5000"
      insecure = true
      timeout = 2.5
      [[registry]]
      host = "docker.io"
      blocked = true
      mirrors = []
    `);
    expect(config).toEqual({
      defaultRegistry: "registry.lan:5000",
      registries: [
        { host: "registry.lan:5000", isInsecure: true, isBlocked: false, timeoutMs: 2500 },
        { host: "docker.io", isInsecure: false, isBlocked: true },
      ],
    });
    expect(findRegistry(config, "docker.io").isBlocked).toBe(true);
  });

  test("an empty file is the default", () => {
    expect(parseRegistries("# nothing\n")).toEqual(DEFAULT_REGISTRIES);
  });

  test("names everything that is wrong", () => {
    const toml =
      'default = "a b"\nmirror = 1\n[[registry]]\nhost = "https://x"\ninsecure = 1\ntimeout = "2 s"\n[[registry]]\nhost = "a.b"\nmirrors = ["c.d"]\nlocation = ""\n[[registry]]\nhost = "a.b"\n';
    expect(() => parseRegistries(toml)).toThrow(
      'invalid registries.toml: mirror is not known; default is not a registry such as "docker.io"; ' +
        'registry[0].host is not a registry such as "registry.lan:5000"; registry[0].insecure is not true or false; ' +
        "registry[0].timeout is not a number of seconds up to 3600; " +
        "registry[1].location is not known; registry[1].mirrors is not supported yet; registry a.b is there twice",
    );
    expect(() => parseRegistries("x = ")).toThrow("invalid registries.toml: ");
    expect(() => parseRegistries("[registry]\nhost='x.y'")).toThrow("write [[registry]]");
  });
});

describe("findRegistry", () => {
  test("only this host's own registries are insecure without being listed", () => {
    const loopback = ["localhost", "localhost:5000", "a.localhost:1", "127.0.0.1:5000", "127.9.9.9", "[::1]:5000"];
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
    expect(findRegistry(DEFAULT_REGISTRIES, "localhost:5000")).toEqual({
      host: "localhost:5000",
      isInsecure: true,
      isBlocked: false,
    });
  });
});
