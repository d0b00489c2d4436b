import { describe, expect, test } from "bun:test";
import { digestOf } from "./hash-digest.ts";
import type { Descriptor, Platform } from "./image.ts";
import {
  choosePlatform,
  compatiblePlatforms,
  formatPlatform,
  hostPlatform,
  isCompatiblePlatform,
  normalizePlatform,
  parsePlatform,
} from "./platform.ts";

const AMD64: Platform = { os: "linux", architecture: "amd64" };

function entry(platform: string | undefined): Descriptor {
  const [os = "", architecture = "", variant] = (platform ?? "").split("/");
  return {
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    digest: digestOf(platform ?? ""),
    size: 1,
    ...(platform === undefined
      ? {}
      : { platform: { os, architecture, ...(variant === undefined ? {} : { variant }) } }),
  };
}

function choose(wanted: string, offered: readonly (string | undefined)[]): string | undefined {
  const chosen = choosePlatform(offered.map(entry), parsePlatform(wanted, AMD64))?.platform;
  return chosen === undefined ? undefined : formatPlatform(chosen);
}

describe("platforms", () => {
  test.each([
    ["linux/amd64", "linux/amd64"],
    ["LINUX/x86_64", "linux/amd64"],
    ["linux/amd64/v1", "linux/amd64"],
    ["linux/amd64/v3", "linux/amd64/v3"],
    ["linux/aarch64", "linux/arm64"],
    ["linux/arm64/v8", "linux/arm64"],
    ["linux/arm", "linux/arm/v7"],
    ["linux/arm/6", "linux/arm/v6"],
    ["linux/armel", "linux/arm/v6"],
    ["linux/armhf", "linux/arm/v7"],
    ["linux/i386", "linux/386"],
    ["arm64", "linux/arm64"],
    ["linux", "linux/amd64"],
    ["windows", "windows/amd64"],
    ["macos/arm64", "darwin/arm64"],
    ["riscv64", "linux/riscv64"],
    ["linux/unheard", "linux/unheard"],
  ])("%s is %s", (text, expected) => {
    expect(formatPlatform(parsePlatform(text, AMD64))).toBe(expected);
  });

  test.each(["", "/", "linux/", "linux//v7", "a/b/c/d", "bogus", "linux/*", "lin ux/amd64"])("refuses %j", (text) => {
    expect(() => parsePlatform(text, AMD64)).toThrow(JSON.stringify(text));
  });

  test("this host has one", () => {
    expect(hostPlatform("x64")).toEqual(AMD64);
    expect(hostPlatform("arm64")).toEqual({ os: "linux", architecture: "arm64" });
    expect(hostPlatform("arm")).toEqual({ os: "linux", architecture: "arm", variant: "v7" });
    expect(normalizePlatform(hostPlatform())).toEqual(hostPlatform());
  });

  test("what a platform runs, best first", () => {
    const list = (text: string) => compatiblePlatforms(parsePlatform(text, AMD64)).map(formatPlatform);
    expect(list("linux/amd64")).toEqual(["linux/amd64", "linux/386"]);
    expect(list("linux/amd64/v3")).toEqual(["linux/amd64/v3", "linux/amd64/v2", "linux/amd64", "linux/386"]);
    expect(list("linux/arm64")).toEqual([
      ...["linux/arm64", "linux/arm/v8", "linux/arm/v7", "linux/arm/v6", "linux/arm/v5"],
    ]);
    expect(list("linux/arm64/v9.1").slice(0, 4)).toEqual([
      ...["linux/arm64/v9.1", "linux/arm64/v9", "linux/arm64/v8.6", "linux/arm64/v8.5"],
    ]);
    expect(list("linux/arm/v7")).toEqual(["linux/arm/v7", "linux/arm/v6", "linux/arm/v5"]);
    expect(list("linux/s390x")).toEqual(["linux/s390x"]);
  });
});

describe("choosePlatform", () => {
  test("takes the best match, wherever it stands", () => {
    expect(choose("linux/amd64", ["linux/386", "linux/arm64/v8", "linux/amd64"])).toBe("linux/amd64");
    expect(choose("linux/amd64", ["linux/386", "linux/arm64"])).toBe("linux/386");
    expect(choose("linux/arm64", ["linux/arm/v7", "linux/arm64/v8"])).toBe("linux/arm64/v8");
    expect(choose("linux/arm/v7", ["linux/arm/v5", "linux/arm/v6", "linux/arm64"])).toBe("linux/arm/v6");
  });

  test("never takes another system, an attestation or an entry without platform", () => {
    expect(choose("linux/amd64", ["windows/amd64", "unknown/unknown", undefined, "linux/arm64"])).toBeUndefined();
    expect(choose("linux/386", ["linux/amd64"])).toBeUndefined();
    expect(choose("linux/amd64", ["linux/amd64/v3"])).toBeUndefined();
  });

  test("an image that needs features that are not asked for is not compatible", () => {
    expect(isCompatiblePlatform(AMD64, { ...AMD64, "os.features": ["sse4"] })).toBe(false);
    expect(isCompatiblePlatform({ ...AMD64, "os.features": ["sse4"] }, { ...AMD64, "os.features": ["sse4"] })).toBe(
      true,
    );
  });
});
