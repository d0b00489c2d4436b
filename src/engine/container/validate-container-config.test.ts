import { describe, expect, test } from "bun:test";
import type { ContainerConfig } from "./container-config.ts";
import { validateContainerConfig } from "./validate-container-config.ts";

const host = { cpus: [0, 1], memoryNodes: [0] };

function problem(config: Omit<ContainerConfig, "image">): string {
  try {
    validateContainerConfig({ image: "x", ...config }, host);
    return "";
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

describe("validateContainerConfig", () => {
  const cases: readonly (readonly [Omit<ContainerConfig, "image">, string])[] = [
    [{ resources: { memoryBytes: 1 } }, "Minimum memory limit allowed is 6MB"],
    [
      { resources: { memorySwapBytes: 1 << 30 } },
      "You should always set the Memory limit when using Memoryswap limit, see usage",
    ],
    [
      { resources: { memoryBytes: 1 << 30, memorySwapBytes: 1 << 29 } },
      "Minimum memoryswap limit should be larger than memory limit, see usage",
    ],
    [
      { resources: { memoryBytes: 1 << 25, memoryReservationBytes: 1 << 26 } },
      "Minimum memory limit can not be less than memory reservation limit, see usage",
    ],
    [{ resources: { nanoCpus: 3e9 } }, "Range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs available"],
    [
      { resources: { nanoCpus: 1e9, cpuPeriod: 1000 } },
      "Conflicting options: Nano CPUs and CPU Period cannot both be set",
    ],
    [{ resources: { cpuQuota: 5 } }, "CPU cfs quota can not be less than 1ms (i.e. 1000)"],
    [{ resources: { cpusetCpus: "x" } }, "Invalid value x for cpuset cpus"],
    [{ resources: { cpusetCpus: "0-7" } }, "Requested CPUs are not available - requested 0-7, available: 0-1"],
    [{ workingDirectory: "rel" }, "the working directory 'rel' is invalid, it needs to be an absolute path"],
    [{ stopSignal: "SIGFOO" }, "Invalid signal: SIGFOO"],
    [
      {
        mounts: [
          { type: "tmpfs", target: "/x" },
          { type: "volume", target: "/x/", readOnly: false },
        ],
      },
      "Duplicate mount point: /x",
    ],
    [{ mounts: [{ type: "tmpfs", target: "x" }] }, "invalid mount path: 'x' mount path must be absolute"],
    [{ mounts: [{ type: "tmpfs", target: "/a/.." }] }, "invalid specification: destination can't be '/'"],
    [
      { mounts: [{ type: "volume", name: "a/b", target: "/x", readOnly: false }] },
      '"a/b" includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path',
    ],
    [{ namespaces: { pid: "none" } }, "invalid PID mode: none"],
    [{ network: { mode: "container:x" }, hostname: "h" }, "conflicting options: hostname and the network mode"],
    [{ network: { macAddress: "zz" } }, "zz is not a valid mac address"],
    [{ network: { publish: [{ containerPort: 0, protocol: "tcp" }] } }, "invalid container port: 0"],
    [{ env: ["=x"] }, "invalid environment variable: =x"],
    [{ command: ["a\0b"] }, "arguments, environment, folder and user cannot hold NUL bytes"],
  ];
  for (const [config, sentence] of cases) {
    test(sentence.slice(0, 90), () => expect(problem(config)).toBe(sentence));
  }

  test("names all problems at once", () => {
    expect(problem({ workingDirectory: "rel", resources: { memoryBytes: 1 } }).split("; ").length).toBe(2);
  });

  test("takes what is right", () => {
    expect(
      problem({
        workingDirectory: "/w",
        resources: { memoryBytes: 1 << 25, memorySwapBytes: -1, cpusetCpus: "0-1", pidsLimit: -1 },
        network: { mode: "host", exposedPorts: ["80/tcp"], extraHosts: ["a:1.2.3.4", "b=::1"] },
        namespaces: { pid: "host", ipc: "container:x", uts: "host" },
      }),
    ).toBe("");
  });
});
