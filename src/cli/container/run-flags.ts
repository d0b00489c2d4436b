import { absentFlag, absentSwitch, listFlag, switchFlag, textFlag, textListFlag, valueFlag } from "../flags/flag.ts";
import { parseAddress, parseExtraHost, parseMacAddress, parseSearchDomain } from "../values/address.ts";
import {
  parseBytesRate,
  parseDeviceRule,
  parseDeviceWeight,
  parseOperationsRate,
  parseSwappiness,
  parseUlimit,
} from "../values/limits.ts";
import { parseMemorySize, parseMemorySwap } from "../values/memory-size.ts";
import { parseMountSpec } from "../values/mount-spec.ts";
import { parseCpus, parseInteger, parseNatural } from "../values/number.ts";

function parseStream(text: string): "stdin" | "stdout" | "stderr" {
  const stream = text.toLowerCase();
  if (stream === "stdin" || stream === "stdout" || stream === "stderr") return stream;
  throw new Error("valid streams are STDIN, STDOUT and STDERR");
}

/** Refuses an empty name in `NAME=value`. */
function parseVariable(text: string): string {
  if (text === "" || text.startsWith("=")) throw new Error(`invalid environment variable: ${text}`);
  return text;
}

function parseLabel(text: string): string {
  if (text === "" || text.startsWith("=")) throw new Error(`invalid label format: "${text}"`);
  return text;
}

function parseAnnotation(text: string): string {
  if (text.indexOf("=") < 1) throw new Error(`invalid annotation: "${text}": it is not name=value`);
  return text;
}

/** In Docker's words; which of them a container may set is said when it is made. */
function parseSysctl(text: string): string {
  if (text.indexOf("=") < 1) throw new Error(`sysctl '${text}' is not allowed`);
  return text;
}

/** The flags that `run` and `create` share: what the container is to be. */
export const CONTAINER_FLAGS = {
  "add-host": listFlag(parseExtraHost, "Add a line to the container's hosts file (host:ip)"),
  annotation: listFlag(parseAnnotation, "Add an annotation of the OCI specification (name=value)"),
  attach: listFlag(parseStream, "Attach to STDIN, STDOUT or STDERR", { short: "a" }),
  "blkio-weight": valueFlag("uint16", parseNatural, "Weight among users of block devices: 10 to 1000, or 0 for none"),
  "blkio-weight-device": listFlag(parseDeviceWeight, "Weight for one block device (/dev/sda:500)"),
  "cap-add": textListFlag("Add a Linux capability"),
  "cap-drop": textListFlag("Drop a Linux capability"),
  "cgroup-parent": textFlag("Control group that the container's is made in"),
  cgroupns: textFlag("Cgroup namespace: host or private"),
  cidfile: textFlag("Write the container's id to this file"),
  "cpu-period": valueFlag("int", parseInteger, "Length of a CFS period in microseconds"),
  "cpu-quota": valueFlag("int", parseInteger, "Processor time in a CFS period in microseconds"),
  "cpu-rt-period": valueFlag("int", parseInteger, "Length of a real-time period in microseconds"),
  "cpu-rt-runtime": valueFlag("int", parseInteger, "Real-time processor time in a period in microseconds"),
  "cpu-shares": valueFlag("int", parseInteger, "Share of the processors (relative weight)", { short: "c" }),
  cpus: valueFlag("decimal", parseCpus, "Number of processors"),
  "cpuset-cpus": textFlag("Processors that may be used (0-3, 0,1)"),
  "cpuset-mems": textFlag("Memory nodes that may be used (0-3, 0,1)"),
  device: textListFlag("Give the container a device of the host"),
  "device-cgroup-rule": listFlag(parseDeviceRule, "Allow devices by number (c 42:* rmw)"),
  "device-read-bps": listFlag(parseBytesRate, "Limit of bytes read from a device in a second (/dev/sda:1mb)"),
  "device-read-iops": listFlag(parseOperationsRate, "Limit of reads from a device in a second (/dev/sda:1000)"),
  "device-write-bps": listFlag(parseBytesRate, "Limit of bytes written to a device in a second (/dev/sda:1mb)"),
  "device-write-iops": listFlag(parseOperationsRate, "Limit of writes to a device in a second (/dev/sda:1000)"),
  dns: listFlag(parseAddress, "Set a DNS server"),
  "dns-option": textListFlag("Set an option of the resolver", { aliases: ["dns-opt"] }),
  "dns-search": listFlag(parseSearchDomain, "Set a DNS search domain"),
  domainname: textFlag("The container's NIS domain name"),
  entrypoint: textFlag("Run this instead of the image's entrypoint"),
  env: listFlag(parseVariable, "Set an environment variable", { short: "e" }),
  "env-file": textListFlag("Read environment variables from a file"),
  expose: textListFlag("Expose a port or a range of ports"),
  "group-add": textListFlag("Join a further group"),
  hostname: textFlag("The container's host name", { short: "h" }),
  init: switchFlag("Run an init in the container that forwards signals and reaps processes"),
  interactive: switchFlag("Keep STDIN open even if not attached", { short: "i" }),
  ipc: textFlag("IPC namespace to use"),
  label: listFlag(parseLabel, "Set a label", { short: "l" }),
  "label-file": textListFlag("Read labels from a file, one a line"),
  "mac-address": valueFlag("string", parseMacAddress, "The container's MAC address (92:d0:c6:0a:29:33)"),
  memory: valueFlag("bytes", parseMemorySize, "Memory limit", { short: "m" }),
  "memory-reservation": valueFlag("bytes", parseMemorySize, "Memory soft limit"),
  "memory-swap": valueFlag("bytes", parseMemorySwap, "Limit of memory and swap together: '-1' for unlimited swap"),
  "memory-swappiness": valueFlag("int", parseSwappiness, "How readily memory is swapped out (0 to 100)", {
    shownDefault: "-1",
  }),
  mount: listFlag(parseMountSpec, "Mount a file, a folder, a volume or a tmpfs"),
  network: textListFlag("Network: bridge, host, none or container:NAME", { aliases: ["net"] }),
  "oom-kill-disable": switchFlag("Do not kill the container's processes when its memory is used up"),
  "oom-score-adj": valueFlag(
    "int",
    parseInteger,
    "How readily the host kills it when memory is used up (-1000 to 1000)",
  ),
  pid: textFlag("PID namespace to use"),
  "pids-limit": valueFlag("int", parseInteger, "Limit of processes (-1 for unlimited)"),
  privileged: switchFlag("Give the container all rights on the host"),
  publish: textListFlag("Publish a port of the container on the host", { short: "p" }),
  "publish-all": switchFlag("Publish all exposed ports on free ports", { short: "P" }),
  "read-only": switchFlag("Mount the container's root file system read only"),
  rm: switchFlag("Remove the container and its anonymous volumes when it ends"),
  runtime: textFlag("OCI runtime: gantry's own (gantry, or runc)"),
  "security-opt": textListFlag("no-new-privileges, seccomp=FILE, apparmor=PROFILE, label=disable, label=type:TYPE"),
  "shm-size": valueFlag("bytes", parseMemorySize, "Size of /dev/shm"),
  "stop-signal": textFlag("Signal that stops the container"),
  "stop-timeout": valueFlag("int", parseInteger, "Seconds before the container is killed when it is stopped"),
  sysctl: listFlag(parseSysctl, "Sysctl of the container's own namespaces (net.core.somaxconn=1024)"),
  tmpfs: textListFlag("Mount a tmpfs (/path:options)"),
  tty: switchFlag("Give the container a terminal", { short: "t" }),
  ulimit: listFlag(parseUlimit, "Limit of each process (nofile=1024:2048)"),
  user: textFlag("User and group, names or numbers (user[:group])", { short: "u" }),
  uts: textFlag("UTS namespace to use"),
  volume: textListFlag("Mount a folder or a volume (source:target[:options])", { short: "v" }),
  workdir: textFlag("Working folder in the container", { short: "w" }),

  "cpu-count": absentFlag(),
  "cpu-percent": absentFlag(),
  // There is no content trust to disable, and that is its default.
  "disable-content-trust": absentSwitch({ harmless: [undefined, "true", "1"] }),
  gpus: absentFlag(),
  "health-cmd": absentFlag(),
  "health-interval": absentFlag(),
  "health-retries": absentFlag(),
  "health-start-interval": absentFlag(),
  "health-start-period": absentFlag(),
  "health-timeout": absentFlag(),
  "io-maxbandwidth": absentFlag(),
  "io-maxiops": absentFlag(),
  ip: absentFlag(),
  ip6: absentFlag(),
  isolation: absentFlag({ harmless: ["", "default"] }),
  "kernel-memory": absentFlag(),
  link: absentFlag(),
  "link-local-ip": absentFlag(),
  "log-driver": absentFlag(),
  "log-opt": absentFlag(),
  "network-alias": absentFlag({ aliases: ["net-alias"] }),
  // Health checks are not there yet, so none runs in any case.
  "no-healthcheck": absentSwitch({ harmless: [undefined, "true", "1"] }),
  restart: absentFlag({ harmless: ["", "no"] }),
  "storage-opt": absentFlag(),
  "use-api-socket": absentSwitch(),
  // User namespaces are not there yet: the host's is what every container has.
  userns: absentFlag({ harmless: ["", "host"] }),
  "volume-driver": absentFlag({ harmless: ["", "local"] }),
  "volumes-from": absentFlag(),
} as const;

/** The flags of `run` and `create` that say how the container comes to be. */
export const CREATION_FLAGS = {
  name: textFlag("The container's name"),
  platform: textFlag("The platform of the image, of those that it has (linux/amd64)"),
  pull: textFlag('Pull the image before: "always", "missing" or "never"', { shownDefault: '"missing"' }),
  quiet: switchFlag("Do not show the progress of a pull", { short: "q" }),
} as const;

/** A natural number of seconds for `--time` and its like, -1 for no limit. */
export const parseSeconds = (text: string): number => (text === "-1" ? -1 : parseNatural(text));
