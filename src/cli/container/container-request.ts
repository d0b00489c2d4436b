import { readFileSync } from "node:fs";
import type { CreateContainerRequest, StringSet } from "../../api/container-config.ts";
import type { HostConfig } from "../../api/host-config.ts";
import { GantryError } from "../../errors/gantry-error.ts";
import type { ParsedFlags } from "../flags/parse-flags.ts";
import type { Terminal } from "../terminal.ts";
import { parseDeviceSpec } from "../values/device-spec.ts";
import { fileFailure } from "../values/file-failure.ts";
import { resolveHostPath } from "../values/host-path.ts";
import { completeVariable, parseKeyValueFile, toRecord } from "../values/key-value.ts";
import { resolveMountSource } from "../values/mount-spec.ts";
import { parseExposed, parsePortSpecs } from "../values/port-spec.ts";
import { parseVolumeSpec } from "../values/volume-spec.ts";
import type { CONTAINER_FLAGS } from "./run-flags.ts";

const FILE_BYTES_MAX = 16 * 1024 * 1024;

/** What of the surroundings a request depends on. */
export type RequestSurroundings = Pick<Terminal, "environment" | "workingDirectory">;

type Parsed = ParsedFlags<typeof CONTAINER_FLAGS>;

function readFileBytes(path: string, surroundings: RequestSurroundings): Uint8Array {
  try {
    const bytes = readFileSync(resolveHostPath(path, surroundings));
    if (bytes.length > FILE_BYTES_MAX) throw new Error(`open ${path}: file too large`);
    return bytes;
  } catch (error) {
    throw fileFailure(path, error);
  }
}

/** Variables of the files, then those of the flags; a name alone takes its value from our environment. */
export function readEnvironment(
  flags: { readonly env: readonly string[]; readonly "env-file": readonly string[] },
  surroundings: RequestSurroundings,
): string[] {
  const lookup = (name: string) => surroundings.environment[name];
  const fromFiles = flags["env-file"].flatMap((path) =>
    parseKeyValueFile(readFileBytes(path, surroundings), path, lookup),
  );
  const fromFlags = flags.env.flatMap((text) => completeVariable(text, lookup) ?? []);
  return [...fromFiles, ...fromFlags];
}

function readLabels(flags: Parsed["flags"], surroundings: RequestSurroundings): Readonly<Record<string, string>> {
  const fromFiles = flags["label-file"].flatMap((path) => parseKeyValueFile(readFileBytes(path, surroundings), path));
  return toRecord([...fromFiles, ...flags.label]);
}

/** JSON without its white space, each number as it is written: arguments of system calls have 64 bits. */
function compactJson(text: string): string {
  JSON.parse(text);
  return text.replace(/("(?:[^"\\]|\\.)*")|\s+/g, "$1");
}

/** `--security-opt` as the API takes it: a seccomp profile is read here, and sent. */
function readSecurityOptions(options: readonly string[], surroundings: RequestSurroundings): string[] {
  return options.map((option) => {
    const separator = option.startsWith("no-new-privileges")
      ? option.search(/[=:]/)
      : (/[=]/.exec(option)?.index ?? option.indexOf(":"));
    const name = separator < 0 ? option : option.slice(0, separator);
    const value = separator < 0 ? "" : option.slice(separator + 1);
    if (name !== "no-new-privileges" && value === "")
      throw new Error(`invalid --security-opt: ${JSON.stringify(option)}`);
    if (name !== "seccomp" || value === "unconfined" || value === "builtin") return option;
    let profile: string;
    try {
      profile = Buffer.from(readFileBytes(value, surroundings)).toString("utf8");
    } catch (error) {
      throw new Error(`opening seccomp profile (${value}) failed: ${error instanceof Error ? error.message : error}`);
    }
    try {
      return `seccomp=${compactJson(profile)}`;
    } catch (error) {
      throw new Error(
        `compacting json for seccomp profile (${value}) failed: ${error instanceof Error ? error.message : error}`,
      );
    }
  });
}

function checkMode(flag: string, kind: string, value: string | undefined, allowed: readonly string[]): string {
  const mode = value ?? "";
  const isContainer = allowed.includes("container:") && /^container:.+$/.test(mode);
  if (mode !== "" && !isContainer && !allowed.includes(mode)) throw new Error(`--${flag}: invalid ${kind} mode`);
  return mode;
}

function networkMode(networks: readonly string[]): string {
  const [network = "default", second] = networks;
  if (second !== undefined) {
    throw new GantryError("unsupported", "unsupported: more than one --network is not there yet", { exitCode: 125 });
  }
  const simple = /^name=([^,]+)$/.exec(network)?.[1] ?? network;
  if (simple.includes("=")) {
    throw new GantryError("unsupported", `unsupported: --network ${network}: options of a network are not there yet`, {
      exitCode: 125,
    });
  }
  return simple === "" ? "default" : simple;
}

const toSet = (names: readonly string[]): StringSet => Object.fromEntries(names.map((name) => [name, {}]));

/** `value` under `key`, or nothing where it is undefined: the API tells a setting from its absence. */
function optional<K extends string, V>(key: K, value: V | undefined): { readonly [Name in K]?: V } {
  return value === undefined ? {} : ({ [key]: value } as { readonly [Name in K]: V });
}

function planHostConfig(
  { flags, given }: Parsed,
  binds: readonly string[],
  surroundings: RequestSurroundings,
): HostConfig {
  const tmpfs = flags.tmpfs.map((text) => {
    const colon = text.indexOf(":");
    return colon < 0 ? ([text, ""] as const) : ([text.slice(0, colon), text.slice(colon + 1)] as const);
  });
  return {
    Binds: binds,
    ...(flags.annotation.length === 0 ? {} : { Annotations: toRecord(flags.annotation) }),
    ...(flags.sysctl.length === 0 ? {} : { Sysctls: toRecord(flags.sysctl) }),
    ...optional("ContainerIDFile", flags.cidfile),
    NetworkMode: networkMode(flags.network),
    PortBindings: parsePortSpecs(flags.publish).bindings,
    AutoRemove: flags.rm,
    CapAdd: flags["cap-add"],
    CapDrop: flags["cap-drop"],
    CgroupnsMode: checkMode("cgroupns", "CGROUP", flags.cgroupns, ["host", "private"]),
    Dns: flags.dns,
    DnsOptions: flags["dns-option"],
    DnsSearch: flags["dns-search"],
    ExtraHosts: flags["add-host"],
    GroupAdd: flags["group-add"],
    IpcMode: checkMode("ipc", "IPC", flags.ipc, ["none", "private", "shareable", "host", "container:"]),
    PidMode: checkMode("pid", "PID", flags.pid, ["host", "container:"]),
    UTSMode: checkMode("uts", "UTS", flags.uts, ["host"]),
    Privileged: flags.privileged,
    PublishAllPorts: flags["publish-all"],
    ReadonlyRootfs: flags["read-only"],
    SecurityOpt: readSecurityOptions(flags["security-opt"], surroundings),
    Tmpfs: Object.fromEntries(tmpfs),
    Mounts: flags.mount.map((mount) => resolveMountSource(mount, surroundings)),
    Devices: flags.device.map(parseDeviceSpec),
    ...optional("Runtime", flags.runtime),
    ...optional("ShmSize", flags["shm-size"]),
    ...(given.has("init") ? { Init: flags.init } : {}),
    ...optional("Memory", flags.memory),
    ...optional("MemoryReservation", flags["memory-reservation"]),
    ...optional("MemorySwap", flags["memory-swap"]),
    ...optional("NanoCpus", flags.cpus),
    ...optional("CpuShares", flags["cpu-shares"]),
    ...optional("CpuPeriod", flags["cpu-period"]),
    ...optional("CpuQuota", flags["cpu-quota"]),
    ...optional("CpusetCpus", flags["cpuset-cpus"]),
    ...optional("CpusetMems", flags["cpuset-mems"]),
    ...optional("PidsLimit", flags["pids-limit"]),
    ...optional("CgroupParent", flags["cgroup-parent"]),
    ...optional("BlkioWeight", flags["blkio-weight"]),
    BlkioWeightDevice: flags["blkio-weight-device"],
    BlkioDeviceReadBps: flags["device-read-bps"],
    BlkioDeviceWriteBps: flags["device-write-bps"],
    BlkioDeviceReadIOps: flags["device-read-iops"],
    BlkioDeviceWriteIOps: flags["device-write-iops"],
    ...optional("CpuRealtimePeriod", flags["cpu-rt-period"]),
    ...optional("CpuRealtimeRuntime", flags["cpu-rt-runtime"]),
    DeviceCgroupRules: flags["device-cgroup-rule"],
    ...optional("MemorySwappiness", flags["memory-swappiness"]),
    ...(given.has("oom-kill-disable") ? { OomKillDisable: flags["oom-kill-disable"] } : {}),
    ...optional("OomScoreAdj", flags["oom-score-adj"]),
    // The last of a name counts, as with Docker.
    Ulimits: [...new Map(flags.ulimit.map((limit) => [limit.Name, limit])).values()],
  };
}

/**
 * What the flags of `run` and `create` ask for, as the API takes it. Files that they name are read.
 *
 * @param parsed its positionals are the image and the command.
 * @throws in Docker's words, one sentence.
 */
export function planContainerRequest(parsed: Parsed, surroundings: RequestSurroundings): CreateContainerRequest {
  const { flags, positionals } = parsed;
  const [image = "", ...command] = positionals;
  const volumes = flags.volume.map((text) => parseVolumeSpec(text, surroundings));
  const binds = volumes.flatMap((volume) => (volume.kind === "bind" ? [volume.bind] : []));
  const anonymous = volumes.flatMap((volume) => (volume.kind === "anonymous" ? [volume.target] : []));
  const exposed = [...parsePortSpecs(flags.publish).exposed, ...flags.expose.flatMap(parseExposed)];
  const hasAttach = flags.attach.length > 0;
  const attachStdin = flags.interactive || flags.attach.includes("stdin");
  const hostConfig = planHostConfig(parsed, binds, surroundings);
  const mac = flags["mac-address"];
  return {
    Image: image,
    ...(command.length > 0 ? { Cmd: command } : {}),
    ...(flags.entrypoint === undefined ? {} : { Entrypoint: [flags.entrypoint] }),
    Hostname: flags.hostname ?? "",
    Domainname: flags.domainname ?? "",
    User: flags.user ?? "",
    AttachStdin: attachStdin,
    AttachStdout: !hasAttach || flags.attach.includes("stdout"),
    AttachStderr: !hasAttach || flags.attach.includes("stderr"),
    Tty: flags.tty,
    OpenStdin: flags.interactive,
    StdinOnce: flags.interactive && attachStdin,
    Env: readEnvironment(flags, surroundings),
    ExposedPorts: toSet(exposed),
    Volumes: toSet(anonymous),
    WorkingDir: flags.workdir ?? "",
    Labels: readLabels(flags, surroundings),
    ...optional("StopSignal", flags["stop-signal"]),
    ...optional("StopTimeout", flags["stop-timeout"]),
    HostConfig: hostConfig,
    ...(mac === undefined
      ? {}
      : { NetworkingConfig: { EndpointsConfig: { [hostConfig.NetworkMode ?? "default"]: { MacAddress: mac } } } }),
  };
}
