import { describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { GantryError } from "../errors/gantry-error.ts";
import { parseRegistryConfig, readRegistryConfig } from "./registry-config.ts";

describe("registry.toml", () => {
  test("gives paths from its own folder, and leaves out what it does not say", () => {
    const text = `
      listen = ":5000"
      access-log = "-"
      audit-log = "logs/audit.log"
      [tls]
      certificate = "registry.pem"
      key = "/etc/ssl/registry.key"
      [metrics]
      listen = "127.0.0.1:5001"
    `;
    expect(parseRegistryConfig(text, "/etc/gantry/registry.toml")).toEqual({
      listen: { hostname: "::", port: 5000 },
      accessLog: "-",
      auditLog: "/etc/gantry/logs/audit.log",
      tls: { certificate: "/etc/gantry/registry.pem", key: "/etc/ssl/registry.key" },
      metricsListen: { hostname: "127.0.0.1", port: 5001 },
    });
    expect(parseRegistryConfig("", "/x")).toEqual({});
  });

  test("says where blobs are: in a bucket, with keys from files or from the environment", () => {
    const storage = (text: string) => parseRegistryConfig(`[storage.s3]\n${text}`, "/etc/registry.toml").storage;
    expect(storage('bucket = "images"')).toEqual({
      bucket: "images",
      prefix: "",
      isPathStyle: false,
      redirects: false,
    });
    const text = `
      bucket = "images"
      endpoint = "http://127.0.0.1:9000"
      region = "eu-central-1"
      prefix = "a/b"
      redirect = true
      access-key-id-file = "id"
      secret-access-key-file = "/secret"
    `;
    expect(storage(text)).toEqual({
      bucket: "images",
      endpoint: "http://127.0.0.1:9000",
      region: "eu-central-1",
      prefix: "a/b/",
      isPathStyle: true,
      redirects: true,
      credentialFiles: { accessKeyId: "/etc/id", secretAccessKey: "/secret" },
    });
    const wrong = `
      endpoint = "s3.example.org"
      prefix = "../x"
      path-style = 1
      access-key-id-file = "id"
      acl = "public-read"
    `;
    expect(() => storage(wrong)).toThrow(
      [
        "invalid /etc/registry.toml: line 7: storage.s3.acl is not known (bucket, endpoint, region, prefix, path-style, redirect, access-key-id-file, secret-access-key-file, session-token-file are)",
        "line 1: storage.s3 needs a bucket",
        "line 3: storage.s3.endpoint is no address without a path, as https://s3.example.org",
        "line 4: storage.s3.prefix is no prefix of letters, digits and ._-/, as registry/",
        "line 5: storage.s3.path-style is neither true nor false",
        "line 1: storage.s3 needs both access-key-id-file and secret-access-key-file, or neither",
      ].join("; "),
    );
    expect(() => parseRegistryConfig("storage = 1", "/x")).toThrow("storage is no table with a table s3 in it");
  });

  test("of the examples says everything that can be said", () => {
    const path = join(import.meta.dir, "../../examples/registry.toml");
    const config = readRegistryConfig(path);
    const silent = Object.entries(config).filter(([, value]) => value === undefined);
    expect(silent).toEqual([]);
    expect(Object.keys(config).toSorted()).toEqual([
      "access",
      "accessLog",
      "auditLog",
      "externalUrl",
      "listen",
      "metricsListen",
      "notifications",
      "tls",
      "upkeep",
      "upstreams",
    ]);
    expect(config.tls?.certificate).toBe(join(import.meta.dir, "../../examples/registry.pem"));
  });

  test("names everything that is wrong at once", () => {
    const text = `
      listen = "localhost:99999"
      external-url = "registry.example.org/path"
      allow-sparse = "yes"
      lisen = ":1"
      [tls]
      certificate = "a.pem"
    `;
    expect(() => parseRegistryConfig(text, "/r.toml")).toThrow(
      [
        "invalid /r.toml: line 5: lisen is not known (listen, external-url, allow-sparse, access, access-log, audit-log, tls, metrics, notifications, upstream, storage, collection, scrub, retention are)",
        'line 2: listen: cannot listen on "localhost:99999" (write it as HOST:PORT, as in 127.0.0.1:5000, [::1]:5000 or :5000)',
        "line 3: external-url is not an address without a path, as https://registry.example.org",
        "line 4: allow-sparse is neither true nor false",
        "line 6: tls needs both certificate and key",
      ].join("; "),
    );
    expect(() => parseRegistryConfig("listen = ", "/r.toml")).toThrow(/^\/r\.toml:1 is no TOML: [^\n]+$/);
  });

  test("names each password that cannot be read, with its line, before anybody asks for a copy", () => {
    const folder = mkdtempSync(join(tmpdir(), "gantry-config-"));
    try {
      const path = join(folder, "registry.toml");
      const upstream = (name: string): string =>
        `[[upstream]]\nprefix = "${name}"\nregistry = "${name}.example.org"\nusername = "robot"\npassword-file = "${name}"\n`;
      writeFileSync(path, upstream("one") + upstream("two"));
      writeFileSync(join(folder, "one"), "secret\n");
      mkdirSync(join(folder, "two"));
      const two = join(folder, "two");
      expect(() => readRegistryConfig(path)).toThrow(
        new GantryError(
          "invalid-argument",
          `invalid ${path}: line 10: upstream[1].password-file: cannot read the password of two.example.org in ${two}: is a directory`,
        ),
      );
      rmSync(join(folder, "one"));
      expect(() => readRegistryConfig(path)).toThrow(`line 5: upstream[0].password-file: cannot read the password of`);
      writeFileSync(join(folder, "one"), "secret\n");
      rmSync(two, { recursive: true });
      writeFileSync(two, "secret\n");
      expect(readRegistryConfig(path).upstreams).toHaveLength(2);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test.each([
    ['external-url = "http://x:99999"', "line 1: external-url is not an address without a path"],
    ['external-url = "http://[x"', "line 1: external-url is not an address without a path"],
    ['listen = "5001"', 'line 1: listen: cannot listen on "5001"'],
    ['access = "a\\u0000b"', "line 1: access is not a text on one line, without control characters"],
    ['[tls]\nkey = "k"\ncertificate = "a\\n"', "line 3: tls.certificate is not a text on one line"],
    ["metrics = 1979-05-27", "/r.toml:1 is no TOML: metrics is a date"],
    ['[storage.s3]\nbucket = "x"', "line 2: storage.s3.bucket is no name of a bucket: 2 to 63 letters, digits and ._-"],
    ['[storage.s3]\nbucket = "bbb"\nendpoint = "http://[x"', "line 3: storage.s3.endpoint is no address"],
    ['[[upstream]]\nregistry = ".."', "line 2: upstream[0].registry is no HOST or HOST:PORT"],
    ['[[upstream]]\nregistry = "--help"', "line 2: upstream[0].registry is no HOST or HOST:PORT"],
    [
      '[[upstream]]\nregistry = "a"\nusername = "a\\u0000"\npassword-file = "b"',
      "line 1: upstream[0] needs both username",
    ],
    [
      '[[notifications]]\nname = "a\\nb"\nurl = "http://x"',
      "line 2: notifications[0].name is missing, or not a text on one line",
    ],
    [
      '[[notifications]]\nname = "a"\nurl = "http://x"\nheaders = []',
      "line 4: notifications[0].headers is not a table of texts",
    ],
    ['"a\\nb" = 1', String.raw`line 1: "a\nb" is not known`],
    ["tls = { certificate = 1 }", "line 1: tls.certificate is not a text"],
  ])("%j is refused in one line", (text, problem) => {
    const tell = (): unknown => parseRegistryConfig(text, "/r.toml");
    expect(tell).toThrow(problem);
    expect(tell).toThrow(/^[^\n]+$/);
  });

  test("is a file: a pipe says nothing when it is read again, and a registry would be served without what it said", () => {
    const folder = mkdtempSync(join(tmpdir(), "gantry-registry-config-"));
    const pipe = join(folder, "registry.toml");
    spawnSync("mkfifo", [pipe]);
    expect(() => readRegistryConfig(pipe)).toThrow(`cannot read ${pipe}`);
    rmSync(folder, { recursive: true });
  });

  test("says how what is kept is looked after, and what is not said is as usual", () => {
    const text = `
      [collection]
      grace = "15m"
      [scrub]
      rate = "0"
      [[retention]]
      repositories = "team/*"
      keep-tags = 3
    `;
    expect(parseRegistryConfig(text, "/r.toml").upkeep).toEqual({
      collection: { graceMs: 900_000, intervalMs: 3_600_000, uploadsIdleMs: 86_400_000 },
      scrub: { bytesPerSecond: 0, intervalMs: 604_800_000 },
      retention: [{ place: "retention[0]", repositories: ["team/*"], keep: [], keepTags: 3 }],
    });
    const wrong = `
      retention = 3
      [collection]
      grace = "0s"
      idle = "1d"
      [scrub]
      rate = "fast"
    `;
    expect(() => parseRegistryConfig(wrong, "/r.toml")).toThrow(
      [
        "invalid /r.toml: line 5: collection.idle is not known (grace, interval, uploads-idle are)",
        'line 4: collection.grace is not a duration such as "90s" or "12h"',
        'line 7: scrub.rate is not a number of bytes for each second, such as "10MB"',
        "line 2: retention is not a list of tables: write [[retention]]",
      ].join("; "),
    );
  });
});
