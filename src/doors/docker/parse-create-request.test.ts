import { expect, test } from "bun:test";
import fc from "fast-check";
import { isGantryError } from "../../errors/gantry-error.ts";
import { CREATE_FIELDS, HOST_CONFIG_FIELDS } from "./create-fields.ts";
import { parseCreateRequest } from "./parse-create-request.ts";

/** What docker 28 sends for `docker run busybox`. */
const PLAIN = {
  Hostname: "",
  Domainname: "",
  User: "",
  AttachStdin: false,
  AttachStdout: true,
  AttachStderr: true,
  Tty: false,
  OpenStdin: false,
  StdinOnce: false,
  Env: null,
  Cmd: null,
  Image: "busybox",
  Volumes: {},
  WorkingDir: "",
  Entrypoint: null,
  OnBuild: null,
  Labels: {},
  HostConfig: {
    Binds: null,
    ContainerIDFile: "",
    LogConfig: { Type: "", Config: {} },
    NetworkMode: "default",
    PortBindings: {},
    RestartPolicy: { Name: "no", MaximumRetryCount: 0 },
    AutoRemove: false,
    VolumeDriver: "",
    VolumesFrom: null,
    ConsoleSize: [24, 80],
    CapAdd: null,
    CapDrop: null,
    CgroupnsMode: "",
    Dns: [],
    DnsOptions: [],
    DnsSearch: [],
    ExtraHosts: null,
    GroupAdd: null,
    IpcMode: "",
    Cgroup: "",
    Links: null,
    OomScoreAdj: 0,
    PidMode: "",
    Privileged: false,
    PublishAllPorts: false,
    ReadonlyRootfs: false,
    SecurityOpt: null,
    UTSMode: "",
    UsernsMode: "",
    ShmSize: 0,
    Isolation: "",
    CpuShares: 0,
    Memory: 0,
    NanoCpus: 0,
    CgroupParent: "",
    BlkioWeight: 0,
    BlkioWeightDevice: [],
    BlkioDeviceReadBps: [],
    BlkioDeviceWriteBps: [],
    BlkioDeviceReadIOps: [],
    BlkioDeviceWriteIOps: [],
    CpuPeriod: 0,
    CpuQuota: 0,
    CpuRealtimePeriod: 0,
    CpuRealtimeRuntime: 0,
    CpusetCpus: "",
    CpusetMems: "",
    Devices: [],
    DeviceCgroupRules: null,
    DeviceRequests: null,
    MemoryReservation: 0,
    MemorySwap: 0,
    MemorySwappiness: -1,
    OomKillDisable: false,
    PidsLimit: 0,
    Ulimits: [],
    CpuCount: 0,
    CpuPercent: 0,
    IOMaximumIOps: 0,
    IOMaximumBandwidth: 0,
    MaskedPaths: null,
    ReadonlyPaths: null,
  },
  NetworkingConfig: { EndpointsConfig: { default: { IPAMConfig: null, Links: null, Aliases: null } } },
};

const withHost = (host: object): object => ({ ...PLAIN, HostConfig: { ...PLAIN.HostConfig, ...host } });

test("all the defaults that the docker client sends ask for nothing", () => {
  expect(parseCreateRequest(PLAIN)).toEqual({
    image: "busybox",
    labels: {},
    attach: { stdin: false, stdout: true, stderr: true },
    resources: {},
    security: {},
    namespaces: {},
    network: { mode: "bridge" },
  });
});

test("every field that is not there is refused by name and flag, all of them at once", () => {
  const request = withHost({ RestartPolicy: { Name: "always" }, StorageOpt: { size: "1" } });
  expect(() => parseCreateRequest({ ...request, Healthcheck: { Test: ["CMD", "true"] } })).toThrow(
    "Healthcheck (--health-cmd) is not there yet; HostConfig.RestartPolicy (--restart) is not there yet; HostConfig.StorageOpt (--storage-opt) is not there yet",
  );
});

test("no absent field slips through with a value that asks for something", () => {
  const values: Readonly<Record<string, unknown>> = { OomKillDisable: true, NetworkDisabled: true };
  for (const [prefix, table] of [
    ["", CREATE_FIELDS],
    ["HostConfig.", HOST_CONFIG_FIELDS],
  ] as const) {
    for (const [name, rule] of Object.entries(table)) {
      if (rule.is !== "absent" && rule.is !== "absent-list") continue;
      const field = { [name]: values[name] ?? ["something"] };
      const request = prefix === "" ? { ...PLAIN, ...field } : withHost(field);
      expect(() => parseCreateRequest(request), `${prefix}${name}`).toThrow(`${prefix}${name}`);
    }
  }
});

test("an empty list of masked paths asks for their absence, and is refused", () => {
  expect(() => parseCreateRequest(withHost({ MaskedPaths: [] }))).toThrow("systempaths=unconfined");
});

test("a field of the wrong type is malformed, and told before what is not there", () => {
  expect(() =>
    parseCreateRequest(withHost({ Memory: "1g", CapAdd: "ALL", RestartPolicy: { Name: "always" } })),
  ).toThrow("HostConfig.CapAdd is not a list of strings; HostConfig.Memory is not a whole number");
});

test("a field that nobody knows is refused when it asks for something", () => {
  expect(() => parseCreateRequest({ ...PLAIN, image: "x" })).toThrow("image is not a field of this API");
  expect(parseCreateRequest({ ...PLAIN, Novelty: null }).image).toBe("busybox");
});

test("volumes, binds, mounts and tmpfs are read in all their forms", () => {
  const request = {
    ...withHost({
      Binds: ["/a:/b:ro,rshared,z", "data:/d:nocopy"],
      Mounts: [
        { Type: "bind", Source: "/x", Target: "/y", BindOptions: { Propagation: "rslave", NonRecursive: true } },
        { Type: "volume", Target: "/v", VolumeOptions: { Labels: { a: "b" } } },
        { Type: "tmpfs", Target: "/m", TmpfsOptions: { SizeBytes: 4096, Mode: 0o700 } },
      ],
      Tmpfs: { "/t": "rw,size=1m" },
    }),
    Volumes: { "/anonymous": {}, "/d": {} },
  };
  expect(parseCreateRequest(request).mounts).toEqual([
    {
      type: "bind",
      source: "/a",
      target: "/b",
      readOnly: true,
      createSource: true,
      relabel: "shared",
      propagation: "rshared",
    },
    { type: "volume", name: "data", target: "/d", readOnly: false, noCopy: true },
    {
      type: "bind",
      source: "/x",
      target: "/y",
      readOnly: false,
      createSource: false,
      propagation: "rslave",
      nonRecursive: true,
    },
    { type: "volume", target: "/v", readOnly: false, labels: { a: "b" } },
    { type: "tmpfs", target: "/m", sizeBytes: 4096, mode: 0o700 },
    { type: "tmpfs", target: "/t", options: ["rw", "size=1m"] },
    { type: "volume", target: "/anonymous", readOnly: false },
  ]);
});

test.each([
  [{ Binds: ["/a"] }, "invalid volume specification: '/a'"],
  [{ Binds: ["/a:/b:xx"] }, "invalid mode: xx"],
  [{ Mounts: [{ Type: "bind", Target: "/b" }] }, "field Source must not be empty"],
  [{ Mounts: [{ Type: "nfs", Target: "/b" }] }, "mount type unknown"],
  [{ Mounts: [{ Type: "image", Source: "x", Target: "/b" }] }, "--mount type=image is not there yet"],
  [
    { Mounts: [{ Type: "volume", Target: "/b", VolumeOptions: { Subpath: "x" } }] },
    "HostConfig.Mounts[0].VolumeOptions.Subpath (--mount volume-subpath) is not there yet",
  ],
  [{ PortBindings: { "80/sctp": [] } }, "sctp is not there yet"],
  [{ PortBindings: { "0/tcp": [] } }, "invalid port specification"],
  [{ PortBindings: { "80/tcp": [{ HostPort: "70000" }] } }, "invalid host port"],
  [{ PortBindings: { "80/tcp": [{ HostIp: "nowhere" }] } }, "invalid IP address"],
  [{ SecurityOpt: ["apparmor=a b"] }, "invalid --security-opt"],
  [{ SecurityOpt: ["label=nested"] }, "invalid --security-opt"],
  [{ SecurityOpt: ["seccomp=/etc/profile.json"] }, "decoding seccomp profile failed"],
  [{ SecurityOpt: ["no-new-privileges=maybe"] }, "invalid --security-opt"],
  [{ Devices: [{ PathOnHost: "kvm" }] }, "is not an absolute path"],
  [{ LogConfig: { Type: "syslog" } }, "--log-driver syslog"],
  [{ LogConfig: { Type: "json-file", Config: { "max-size": "much" } } }, "max-size"],
])("%j is refused: %s", (host, sentence) => {
  expect(() => parseCreateRequest(withHost(host))).toThrow(sentence);
});

test("an empty entrypoint in a list means none, and one string is a list of one", () => {
  expect(parseCreateRequest({ ...PLAIN, Entrypoint: [""], Cmd: "ls" })).toMatchObject({
    entrypoint: [],
    command: ["ls"],
  });
});

test("no JSON at all makes it fail in another way than with a sentence", () => {
  const names = fc.constantFrom(...Object.keys(CREATE_FIELDS));
  const hostNames = fc.constantFrom(...Object.keys(HOST_CONFIG_FIELDS));
  const host = fc.dictionary(hostNames, fc.jsonValue(), { maxKeys: 4 });
  const request = fc.dictionary(names, fc.oneof(fc.jsonValue(), host), { maxKeys: 4 });
  fc.assert(
    fc.property(fc.oneof(fc.jsonValue(), request), (body) => {
      try {
        parseCreateRequest(body);
      } catch (error) {
        if (!isGantryError(error)) throw error;
      }
    }),
    { numRuns: 2000 },
  );
});

test("limits of every kind are read, and a malformed entry of a list is named", () => {
  const rates = [{ Path: "/dev/sda", Rate: 5 }];
  const request = withHost({
    ...{ BlkioWeight: 300, BlkioDeviceReadBps: rates, BlkioDeviceWriteIOps: rates, OomKillDisable: true },
    ...{
      MemorySwappiness: 0,
      CpuRealtimePeriod: 9,
      CgroupParent: "/x",
      OomScoreAdj: -5,
      DeviceCgroupRules: ["c 1:3 r"],
    },
    ...{ BlkioWeightDevice: [{ Path: "/dev/sda", Weight: 20 }], Ulimits: [{ Name: "nofile", Soft: 1, Hard: 2 }] },
  });
  const config = parseCreateRequest(request);
  expect(config.oomScoreAdj).toBe(-5);
  expect(config.resources).toEqual({
    ...{ blkioWeight: 300, oomKillDisable: true, memorySwappiness: 0, cpuRealtimePeriod: 9, cgroupParent: "/x" },
    blkioWeightDevices: [{ path: "/dev/sda", weight: 20 }],
    readBytesPerSecond: [{ path: "/dev/sda", rate: 5 }],
    writesPerSecond: [{ path: "/dev/sda", rate: 5 }],
    deviceRules: ["c 1:3 r"],
    ulimits: [{ name: "nofile", soft: 1, hard: 2 }],
  });
  expect(parseCreateRequest(withHost({ MemorySwappiness: -1, Ulimits: [] })).resources).toEqual({});
  expect(() => parseCreateRequest(withHost({ BlkioDeviceReadBps: [{ Path: "/dev/sda", Rate: -1 }] }))).toThrow(
    "HostConfig.BlkioDeviceReadBps[0] is not an object of Path and Rate",
  );
  expect(() => parseCreateRequest(withHost({ Ulimits: [{ Soft: 1 }] }))).toThrow("HostConfig.Ulimits[0] is not");
});

test("sysctls are taken by name; none are none", () => {
  expect(parseCreateRequest(withHost({ Sysctls: { "net.core.somaxconn": "9" } })).sysctls).toEqual({
    "net.core.somaxconn": "9",
  });
  expect(parseCreateRequest(withHost({ Sysctls: {} })).sysctls).toBeUndefined();
});
