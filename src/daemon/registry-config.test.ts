import { describe, expect, test } from "bun:test";
import { parseRegistryConfig } from "./registry-config.ts";

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
        "invalid /r.toml: lisen is not known (listen, external-url, allow-sparse, access, access-log, audit-log, tls, metrics, notifications, upstream are)",
        'listen: cannot listen on "localhost:99999" (write it as HOST:PORT, as in 127.0.0.1:5000, [::1]:5000 or :5000)',
        "external-url is not an address without a path, as https://registry.example.org",
        "allow-sparse is neither true nor false",
        "tls needs both certificate and key",
      ].join("; "),
    );
    expect(() => parseRegistryConfig("listen = ", "/r.toml")).toThrow("/r.toml is no TOML");
  });
});
