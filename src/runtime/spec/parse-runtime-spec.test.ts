import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { GantryError } from "../../errors/gantry-error.ts";
import { exampleSpec, rootlessExampleSpec } from "./example-spec.ts";
import { parseProcess, parseResources, parseRuntimeSpec } from "./parse-runtime-spec.ts";

const MINIMAL = { ociVersion: "1.0.0", root: { path: "rootfs" } };

function refusal(document: unknown): string {
  try {
    parseRuntimeSpec(typeof document === "string" ? document : JSON.stringify(document));
  } catch (error) {
    if (error instanceof GantryError) return error.message;
    throw error;
  }
  return "";
}

describe("documents of the specification (schema/test/config)", () => {
  test.each<[string, object]>([
    ["minimal", {}],
    ["minimal for start", { process: { cwd: "/", args: ["sh"], user: { uid: 0, gid: 0 } } }],
    ["network devices", { linux: { netDevices: { eth0: { name: "container_eth0" }, ens4: {} } } }],
    ["rdma", { linux: { resources: { rdma: { a: { hcaHandles: 3, hcaObjects: 10000 }, b: { hcaObjects: 1000 } } } } }],
  ])("good: %s", (_name, change) => {
    expect(refusal({ ...MINIMAL, ...change })).toBe("");
  });

  test.each<[string, object, string]>([
    [
      "a size of pages in small letters",
      { linux: { resources: { hugepageLimits: [{ limit: 1234123, pageSize: "64kB" }] } } },
      'linux.resources.hugepageLimits[0].pageSize: found "64kB", expected a size like 2MB',
    ],
    [
      "a name that is none",
      { linux: { netDevices: { eth0: { name: 23 } } } },
      'linux.netDevices["eth0"].name: found 23, expected a string',
    ],
    [
      "rdma",
      { linux: { resources: { rdma: { mlx5_1: { hcaHandles: "not a uint32" } } } } },
      'linux.resources.rdma["mlx5_1"].hcaHandles: found "not a uint32", expected an integer from 0 to 4294967295',
    ],
  ])("bad: %s", (_name, change, problem) => {
    expect(refusal({ ...MINIMAL, ...change })).toBe(`config.json is not valid: ${problem}`);
  });

  test("bad: no JSON", () => {
    expect(refusal("{")).toStartWith("config.json is not JSON: ");
  });
});

describe("parseRuntimeSpec", () => {
  test("reads what spec writes", () => {
    for (const spec of [exampleSpec(), rootlessExampleSpec({ uid: 5, gid: 6 })])
      expect(parseRuntimeSpec(JSON.stringify(spec))).toEqual(spec);
  });

  test("tells all problems, each with its path", () => {
    const document = {
      ociVersion: "2.0.0",
      process: { cwd: "x", args: [], user: { uid: -1 }, rlimits: [{ type: "RLIMIT_CORE", soft: 1.5 }] },
      mounts: [{ source: "a" }],
      hooks: { poststop: [{ path: "relative", timeout: 0 }] },
    };
    expect(refusal(document).slice("config.json is not valid: ".length).split("; ")).toEqual([
      "process.user.uid: found -1, expected an integer from 0 to 4294967295",
      "process.rlimits[0].soft: found 1.5, expected an integer from 0 to 2^64-1",
      "process.rlimits[0].hard: found nothing, expected a value: it is required",
      "mounts[0].destination: found nothing, expected a value: it is required",
      "ociVersion: version 2.0.0 is not supported, only 1.x",
      'process.cwd: found "x", expected an absolute path',
      "process.args: found an array, expected a program with its arguments",
      'hooks.poststop[0].path: found "relative", expected an absolute path',
      "hooks.poststop[0].timeout: found 0, expected seconds above 0",
    ]);
  });

  test("what the specification does not know is ignored, and null is as good as nothing", () => {
    const parsed = parseRuntimeSpec(JSON.stringify({ ...MINIMAL, windows: {}, linux: { surprise: 1, devices: null } }));
    expect(parsed).toEqual({ ...MINIMAL, linux: {} });
  });

  test("numbers of 64 bits are exact", () => {
    const value = "18446744073709551615";
    const text = `{"ociVersion":"1.0.0","process":{"cwd":"/","args":["a"],"rlimits":[{"type":"RLIMIT_CORE","soft":${value},"hard":${value}}]},
      "linux":{"seccomp":{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["a"],"action":"SCMP_ACT_LOG","args":[{"index":0,"value":9007199254740993,"op":"SCMP_CMP_EQ"}]}]}}}`;
    const { process, linux } = parseRuntimeSpec(text);
    expect(process?.rlimits).toEqual([{ type: "RLIMIT_CORE", soft: 2n ** 64n - 1n, hard: 2n ** 64n - 1n }]);
    expect(linux?.seccomp?.syscalls?.[0]?.args?.[0]?.value).toBe(9007199254740993n);
    expect(refusal(text.replaceAll(value, "18446744073709551616"))).toContain("expected an integer from 0 to 2^64-1");
  });

  test("is total: any JSON, and any text, is parsed or refused in words", () => {
    fc.assert(
      fc.property(fc.oneof(fc.json(), fc.string()), (text) => {
        for (const parse of [parseRuntimeSpec, parseProcess, parseResources]) {
          try {
            parse(text, "x");
          } catch (error) {
            expect(error).toBeInstanceOf(GantryError);
          }
        }
      }),
    );
  });

  test("is total: a document of which one member is something else", () => {
    const text = JSON.stringify(exampleSpec());
    const paths = [...text.matchAll(/"[^"]*"(?!:)|\d+|true|false/g)].map(
      ({ index, 0: found }) => [index, found] as const,
    );
    fc.assert(
      fc.property(fc.constantFrom(...paths), fc.json({ maxDepth: 2 }), ([index, found], other) => {
        const changed = text.slice(0, index) + other + text.slice(index + found.length);
        const message = refusal(changed);
        expect(message === "" || message.startsWith("config.json is not")).toBe(true);
      }),
    );
  });
});
