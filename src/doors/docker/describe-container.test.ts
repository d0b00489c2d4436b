import { expect, test } from "bun:test";
import { CREATED_NS, containerDouble } from "../../../test/support/door-double.ts";
import type { Container } from "../../engine/container/container.ts";
import { describeContainer } from "./describe-container.ts";
import { parseCreateRequest } from "./parse-create-request.ts";

test("what was asked for is told back so that asking again asks for the same", () => {
  const config = parseCreateRequest({
    Image: "busybox",
    Tty: true,
    OpenStdin: true,
    StopTimeout: 3,
    HostConfig: {
      Binds: ["/a:/b:ro,rshared", "data:/d:nocopy"],
      Mounts: [
        { Type: "bind", Source: "/x", Target: "/y", ReadOnly: true },
        { Type: "volume", Source: "named", Target: "/v", VolumeOptions: { Labels: { a: "b" } } },
        { Type: "tmpfs", Target: "/m", TmpfsOptions: { SizeBytes: 4096, Mode: 0o700 } },
      ],
      Tmpfs: { "/t": "rw,size=1m" },
      Memory: 1 << 26,
      NanoCpus: 500_000_000,
      PidsLimit: 9,
      CapAdd: ["NET_ADMIN"],
      SecurityOpt: ["no-new-privileges", "seccomp=unconfined"],
      Devices: [{ PathOnHost: "/dev/null", PathInContainer: "/dev/n", CgroupPermissions: "rw" }],
      PortBindings: { "80/tcp": [{ HostIp: "127.0.0.1", HostPort: "8080" }, { HostPort: "" }] },
      Dns: ["1.1.1.1"],
      ExtraHosts: ["a:1.2.3.4"],
      PidMode: "host",
      Init: true,
      LogConfig: { Type: "json-file", Config: { "max-size": "1m", "max-file": "2" } },
    },
  });
  const { HostConfig, Config } = describeContainer(containerDouble({ config, network: { mode: "bridge" } }));
  const asked = { Image: "busybox", Tty: true, OpenStdin: true, StopTimeout: Config.StopTimeout ?? 0 };
  const again = parseCreateRequest({
    ...asked,
    HostConfig: { ...HostConfig, MemorySwap: 0, IpcMode: "", ShmSize: 0 },
  });
  expect({ ...again, mounts: [] }).toEqual({ ...config, mounts: [] });
  const byTarget = (left: { target: string }, right: { target: string }): number =>
    left.target < right.target ? -1 : 1;
  expect([...(again.mounts ?? [])].sort(byTarget)).toEqual([...(config.mounts ?? [])].sort(byTarget));
});

test("a running container's network, ports and times are told in Docker's words", () => {
  const double = containerDouble();
  const inspected = describeContainer({
    ...double,
    state: { status: "running", pid: 7, exitCode: 0, oomKilled: false, error: "", startedAtNs: CREATED_NS },
    effective: { ...double.effective, exposedPorts: ["80/tcp", "90/udp", "99/udp"] },
    network: {
      mode: "bridge",
      endpoint: {
        network: "bridge",
        networkId: "11",
        endpointId: "22",
        address: "172.17.0.2",
        prefixLength: 16,
        gateway: "172.17.0.1",
        mac: "02:42:ac:11:00:02",
        ports: [
          { containerPort: 80, protocol: "tcp", hostAddress: "0.0.0.0", hostPort: 8080, isOnIpv6: true },
          { containerPort: 90, protocol: "udp", hostAddress: "0.0.0.0", hostPort: 9090 },
        ],
      },
    },
  });
  expect(inspected).toMatchObject({
    Name: "/web",
    Created: "2026-01-02T03:04:05.000000006Z",
    Path: "/bin/sh",
    Args: ["-c", "echo hello"],
    State: { Status: "running", Running: true, Pid: 7, FinishedAt: "0001-01-01T00:00:00Z" },
    NetworkSettings: {
      IPAddress: "172.17.0.2",
      Ports: {
        "80/tcp": [
          { HostIp: "0.0.0.0", HostPort: "8080" },
          { HostIp: "::", HostPort: "8080" },
        ],
        "90/udp": [{ HostIp: "0.0.0.0", HostPort: "9090" }],
        "99/udp": null,
      },
      Networks: { bridge: { IPAddress: "172.17.0.2", Gateway: "172.17.0.1", IPPrefixLen: 16 } },
    },
    HostConfig: { NetworkMode: "bridge", RestartPolicy: { Name: "no" } },
  });
});

test("what is mounted is told with its mode; a tmpfs of --tmpfs is told elsewhere", () => {
  const config = parseCreateRequest({
    Image: "busybox",
    Volumes: { "/anonymous": {} },
    HostConfig: {
      Binds: ["/a:/bind:ro,rshared", "data:/volume"],
      Mounts: [{ Type: "tmpfs", Target: "/mounted", TmpfsOptions: { SizeBytes: 4096 } }],
      Tmpfs: { "/scratch": "size=1m" },
    },
  });
  const common = { source: "/somewhere", readOnly: false, propagation: "" };
  const points: Container["mounts"] = [
    { ...common, type: "bind", target: "/bind", readOnly: true, propagation: "rshared" },
    { ...common, type: "volume", name: "data", target: "/volume" },
    { ...common, type: "volume", name: "ab12", target: "/anonymous" },
    { ...common, type: "tmpfs", target: "/mounted" },
    { ...common, type: "tmpfs", target: "/scratch" },
  ];
  const { Mounts } = describeContainer(containerDouble({ config, mounts: points }));
  expect(Mounts.map(({ Destination, Mode, RW }) => [Destination, Mode, RW])).toEqual([
    ["/bind", "ro,rshared", false],
    ["/volume", "z", true],
    ["/anonymous", "", true],
    ["/mounted", "", true],
  ]);
});
