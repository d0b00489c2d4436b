import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { parseAddress, parseExtraHost, parseMacAddress, parseSearchDomain } from "./address.ts";
import { parseCommaSeparated } from "./comma-separated.ts";
import { parseDetachKeys } from "./detach-keys.ts";
import { parseDeviceSpec } from "./device-spec.ts";
import { parseDuration } from "./duration.ts";
import { collectFilters, parseFilter } from "./filter.ts";
import { splitImageName } from "./image-name.ts";
import { ipVersion } from "./ip-address.ts";
import { parseKeyValueFile, toRecord } from "./key-value.ts";
import { parseMemorySize, parseMemorySwap } from "./memory-size.ts";
import { parseMountSpec } from "./mount-spec.ts";
import { parseCpus, parseInteger } from "./number.ts";
import { parseExposed, parsePortSpecs } from "./port-spec.ts";
import { parseTimestamp } from "./timestamp.ts";
import { parseVolumeSpec } from "./volume-spec.ts";

/** Every parser here: whatever it is given, it gives a value or throws an Error with one sentence. */
const PARSERS: Readonly<Record<string, (text: string) => unknown>> = {
  parseAddress,
  parseExtraHost,
  parseMacAddress,
  parseSearchDomain,
  parseCommaSeparated,
  parseDetachKeys,
  parseDeviceSpec,
  parseDuration,
  parseFilter,
  parseMemorySize,
  parseMemorySwap,
  parseMountSpec,
  parseCpus,
  parseInteger,
  parseExposed,
  splitImageName,
  ports: (text) => parsePortSpecs([text]),
  volume: (text) => parseVolumeSpec(text, { workingDirectory: "/here" }),
  timestamp: (text) => parseTimestamp(text, { nowMs: 0, localOffsetMinutes: () => 0 }),
  keyValueFile: (text) => parseKeyValueFile(Buffer.from(text), "file"),
};

describe("parsers of values", () => {
  for (const [name, parse] of Object.entries(PARSERS)) {
    test(`${name} is total`, () => {
      const pieces = fc.constantFrom(
        "a",
        "1",
        "65536",
        ":",
        "/",
        "-",
        ".",
        ",",
        "=",
        "[",
        "]",
        '"',
        " ",
        "tcp",
        "type=bind",
        "src=/a",
        "dst=/b",
        "ro",
        "h",
        "s",
        "g",
        "\n",
        "é",
      );
      const text = fc.oneof(
        fc.string(),
        fc.array(pieces, { maxLength: 12 }).map((parts) => parts.join("")),
      );
      fc.assert(
        fc.property(text, (input) => {
          try {
            parse(input);
          } catch (error) {
            expect(error).toBeInstanceOf(Error);
            expect(error).not.toBeInstanceOf(TypeError);
            expect(error).not.toBeInstanceOf(RangeError);
          }
        }),
      );
    });
  }
});

describe("sizes and numbers", () => {
  test("memory in powers of 1024", () => {
    expect(["512", "1k", "64M", "1.5g", "2KiB", "1 mb", "0"].map(parseMemorySize)).toEqual([
      512, 1024, 67_108_864, 1_610_612_736, 2048, 1_048_576, 0,
    ]);
    expect(parseMemorySwap("-1")).toBe(-1);
  });

  for (const bad of ["", "x", "-5", "1z", "1e3", "99999999999p"]) {
    test(`${JSON.stringify(bad)} is no memory size`, () => expect(() => parseMemorySize(bad)).toThrow("invalid size"));
  }

  test("processors in billionths", () => {
    expect(["1.5", ".25", "2", "3/2", "0.000000001"].map(parseCpus)).toEqual([1.5e9, 0.25e9, 2e9, 1.5e9, 1]);
    expect(() => parseCpus("0.0000000001")).toThrow("value is too precise");
    expect(() => parseCpus("1/3")).toThrow("value is too precise");
    expect(() => parseCpus("1/0")).toThrow("value is too precise");
    expect(() => parseCpus("x")).toThrow("failed to parse x as a rational number");
  });
});

describe("parsePortSpecs", () => {
  test("reads all forms", () => {
    expect(
      parsePortSpecs([
        "80",
        "8080:80/udp",
        "127.0.0.1:1:2",
        "127.0.0.1::3",
        "[::1]:5:4",
        "7-8:17-18",
        "9000-9005:90",
        "target=33,published=44,protocol=udp",
      ]),
    ).toEqual({
      exposed: ["80/tcp", "80/udp", "2/tcp", "3/tcp", "4/tcp", "17/tcp", "18/tcp", "90/tcp", "33/udp"],
      bindings: {
        "80/tcp": [{ HostIp: "", HostPort: "" }],
        "80/udp": [{ HostIp: "", HostPort: "8080" }],
        "2/tcp": [{ HostIp: "127.0.0.1", HostPort: "1" }],
        "3/tcp": [{ HostIp: "127.0.0.1", HostPort: "" }],
        "4/tcp": [{ HostIp: "::1", HostPort: "5" }],
        "17/tcp": [{ HostIp: "", HostPort: "7" }],
        "18/tcp": [{ HostIp: "", HostPort: "8" }],
        "90/tcp": [{ HostIp: "", HostPort: "9000-9005" }],
        "33/udp": [{ HostIp: "", HostPort: "44" }],
      },
    });
  });

  for (const [spec, message] of [
    ["80:xx", "invalid containerPort: xx"],
    ["xx:80", "invalid hostPort: xx"],
    ["70000:80", "invalid hostPort: 70000"],
    ["80/icmp", "invalid proto: icmp"],
    ["1-3:5-6", "invalid ranges specified for container and host Ports: 5-6 and 1-3"],
    ["1.2.3:80:80", "invalid IP address: 1.2.3"],
    ["8080:", "no port specified: 8080:<empty>"],
    ["9-8:9-8", "invalid containerPort: 9-8"],
  ] as const) {
    test(`${spec} is refused`, () => expect(() => parsePortSpecs([spec])).toThrow(message));
  }
});

describe("mounts and volumes", () => {
  test("--mount in its forms", () => {
    expect(parseMountSpec('type=bind,"src=/a,b",target=/c,ro,bind-propagation=rshared')).toEqual({
      Type: "bind",
      Source: "/a,b",
      Target: "/c",
      ReadOnly: true,
      BindOptions: { Propagation: "rshared" },
    });
    for (const older of ["bind-nonrecursive", "bind-nonrecursive=true", "bind-recursive=disabled"]) {
      expect(parseMountSpec(`type=bind,src=/a,dst=/c,${older}`).BindOptions).toEqual({ NonRecursive: true });
    }
    expect(parseMountSpec("source=data,dst=/d,volume-nocopy,volume-label=a=b")).toEqual({
      Type: "volume",
      Source: "data",
      Target: "/d",
      VolumeOptions: { NoCopy: true, Labels: { a: "b" } },
    });
  });

  for (const [spec, message] of [
    ["type=foo", "target is required"],
    ["type=foo,target=/x", "invalid mount type"],
    ["target", "invalid field 'target' must be a key=value pair"],
    ["target=", "invalid value for 'target': value is empty"],
    ["target=/x,foo=1", "unknown option 'foo' in 'foo=1'"],
    ["target=/x,constructor=1", "unknown option 'constructor' in 'constructor=1'"],
    ["type=bind,target=/x", "source is required"],
    ["type=tmpfs,target=/x,bind-propagation=shared", "cannot mix 'bind-*' options with mount type 'tmpfs'"],
    ["type=image,source=a,target=/x", "unsupported: mounts of type image are not there yet"],
    ["type=tmpfs,target=/x,tmpfs-mode=9", "invalid value for tmpfs-mode: 9"],
  ] as const) {
    test(`--mount ${spec} is refused`, () => expect(() => parseMountSpec(spec)).toThrow(message));
  }

  test("-v: relative sources are made absolute, names stay", () => {
    expect(
      ["/a:/b:ro,z", "./a:/b", "..:/b", "data:/b", "/anon"].map((text) =>
        parseVolumeSpec(text, { workingDirectory: "/here" }),
      ),
    ).toEqual([
      { kind: "bind", bind: "/a:/b:ro,z" },
      { kind: "bind", bind: "/here/a:/b" },
      { kind: "bind", bind: "/:/b" },
      { kind: "bind", bind: "data:/b" },
      { kind: "anonymous", target: "/anon" },
    ]);
    expect(() => parseVolumeSpec("a:b:c:d", { workingDirectory: "/" })).toThrow(
      "invalid spec: a:b:c:d: too many colons",
    );
    expect(() => parseVolumeSpec("a::c", { workingDirectory: "/" })).toThrow("empty section between colons");
  });
});

describe("other values", () => {
  test("devices", () => {
    expect(parseDeviceSpec("/dev/a")).toEqual({
      PathOnHost: "/dev/a",
      PathInContainer: "/dev/a",
      CgroupPermissions: "rwm",
    });
    expect(parseDeviceSpec("/dev/a:/dev/b:r")).toMatchObject({ PathInContainer: "/dev/b", CgroupPermissions: "r" });
    expect(parseDeviceSpec("/dev/a:rw")).toMatchObject({ PathInContainer: "/dev/a", CgroupPermissions: "rw" });
    expect(() => parseDeviceSpec("/dev/a:/dev/b:x")).toThrow("bad mode specified: x");
    expect(() => parseDeviceSpec("vendor.com/gpu=all")).toThrow("unsupported");
  });

  test("moments: ago, Unix seconds, dates in local time or with a zone", () => {
    const sources = { nowMs: 1_700_000_000_500, localOffsetMinutes: () => 60 };
    const parse = (text: string) => parseTimestamp(text, sources);
    expect(
      ["10m", "1h0.5s", "1700000000", "1.5", "2023-11-14", "2023-11-14T22:13:20Z", "2023-11-14T22:13:20.25+02:00"].map(
        parse,
      ),
    ).toEqual([
      "1699999400.500000000",
      "1699996400.000000000",
      "1700000000.000000000",
      "1.500000000",
      "1699916400.000000000",
      "1700000000.000000000",
      "1699992800.250000000",
    ]);
    expect(() => parse("2023-02-31")).toThrow("invalid time");
  });

  test("env files", () => {
    const text = "\uFEFFA=1\r\n  # no\n\nB= x \nC\nD\n";
    const lookup = (name: string) => (name === "C" ? "3" : undefined);
    expect(parseKeyValueFile(Buffer.from(text), "f", lookup)).toEqual(["A=1", "B= x ", "C=3"]);
    expect(() => parseKeyValueFile(Buffer.from("a b=1"), "f")).toThrow(
      "invalid env file (f): variable 'a b' contains whitespaces",
    );
    expect(() => parseKeyValueFile(Buffer.from([0xff]), "f")).toThrow("invalid utf8 bytes");
  });

  test("a record has no key that its text did not name", () => {
    expect(Object.keys(toRecord(["a=1", "b", "a=2", "__proto__=x"]))).toEqual(["a", "b", "__proto__"]);
  });

  test("filters are collected by name", () => {
    expect(collectFilters(["status=exited", "label=a=b", "status=dead", "status=dead"].map(parseFilter))).toEqual({
      status: ["exited", "dead"],
      label: ["a=b"],
    });
  });

  test("names of images for the pull call", () => {
    expect(["busybox", "localhost:5000/x:1", `a@sha256:${"0".repeat(64)}`].map(splitImageName)).toEqual([
      { fromImage: "busybox", tag: "latest" },
      { fromImage: "localhost:5000/x", tag: "1" },
      { fromImage: `a@sha256:${"0".repeat(64)}` },
    ]);
  });

  test("addresses of both versions, as node:net tells them", () => {
    const texts = [
      "1.2.3.4",
      "256.1.1.1",
      "1.2.3",
      "01.2.3.4",
      "::",
      "::1",
      "fe80::1",
      "1::2::3",
      "::ffff:1.2.3.4",
      ":",
      "g::",
      "::%eth0",
      "1:2:3:4:5:6:7:8",
      "1:2:3:4:5:6:7:8:9",
      "",
    ];
    expect(texts.map(ipVersion)).toEqual([4, 0, 0, 0, 6, 6, 6, 0, 6, 0, 0, 0, 6, 0, 0]);
  });

  test("addresses", () => {
    expect(parseExtraHost("db:10.0.0.1")).toBe("db:10.0.0.1");
    expect(parseExtraHost("db=[::1]")).toBe("db:::1");
    expect(() => parseExtraHost("db")).toThrow('bad format for add-host: "db"');
    expect(parseMacAddress("92-D0-C6-0A-29-33")).toBe("92:d0:c6:0a:29:33");
    expect(parseDetachKeys("ctrl-p,a,ctrl-@")).toEqual(Uint8Array.of(16, 97, 0));
  });
});
