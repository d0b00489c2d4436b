import { absentFlag, absentSwitch, listFlag, switchFlag, textFlag, textListFlag, valueFlag } from "../flags/flag.ts";
import { parseAddress, parseExtraHost, parseMacAddress, parseSearchDomain } from "../values/address.ts";
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

/** The flags that `run` and `create` share: what the container is to be. */
export const CONTAINER_FLAGS = {
  "add-host": listFlag(parseExtraHost, "Add a line to the container's hosts file (host:ip)"),
  annotation: listFlag(parseAnnotation, "Add an annotation of the OCI specification (name=value)"),
  attach: listFlag(parseStream, "Attach to STDIN, STDOUT or STDERR", { short: "a" }),
  "cap-add": textListFlag("Add a Linux capability"),
  "cap-drop": textListFlag("Drop a Linux capability"),
  cgroupns: textFlag("Cgroup namespace: host or private"),
  cidfile: textFlag("Write the container's id to this file"),
  "cpu-period": valueFlag("int", parseInteger, "Length of a CFS period in microseconds"),
  "cpu-quota": valueFlag("int", parseInteger, "Processor time in a CFS period in microseconds"),
  "cpu-shares": valueFlag("int", parseInteger, "Share of the processors (relative weight)", { short: "c" }),
  cpus: valueFlag("decimal", parseCpus, "Number of processors"),
  "cpuset-cpus": textFlag("Processors that may be used (0-3, 0,1)"),
  "cpuset-mems": textFlag("Memory nodes that may be used (0-3, 0,1)"),
  device: textListFlag("Give the container a device of the host"),
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
  mount: listFlag(parseMountSpec, "Mount a file, a folder, a volume or a tmpfs"),
  network: textListFlag("Network: bridge, host, none or container:NAME", { aliases: ["net"] }),
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
  tmpfs: textListFlag("Mount a tmpfs (/path:options)"),
  tty: switchFlag("Give the container a terminal", { short: "t" }),
  user: textFlag("User and group, names or numbers (user[:group])", { short: "u" }),
  uts: textFlag("UTS namespace to use"),
  volume: textListFlag("Mount a folder or a volume (source:target[:options])", { short: "v" }),
  workdir: textFlag("Working folder in the container", { short: "w" }),

  "blkio-weight": absentFlag({ harmless: ["0"] }),
  "blkio-weight-device": absentFlag(),
  "cgroup-parent": absentFlag({ harmless: [""] }),
  "cpu-count": absentFlag(),
  "cpu-percent": absentFlag(),
  "cpu-rt-period": absentFlag({ harmless: ["0"] }),
  "cpu-rt-runtime": absentFlag({ harmless: ["0"] }),
  "device-cgroup-rule": absentFlag(),
  "device-read-bps": absentFlag(),
  "device-read-iops": absentFlag(),
  "device-write-bps": absentFlag(),
  "device-write-iops": absentFlag(),
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
  "memory-swappiness": absentFlag({ harmless: ["-1"] }),
  "network-alias": absentFlag({ aliases: ["net-alias"] }),
  // Health checks are not there yet, so none runs in any case.
  "no-healthcheck": absentSwitch({ harmless: [undefined, "true", "1"] }),
  "oom-kill-disable": absentSwitch({ harmless: ["false", "0"] }),
  "oom-score-adj": absentFlag({ harmless: ["0"] }),
  restart: absentFlag({ harmless: ["", "no"] }),
  "storage-opt": absentFlag(),
  sysctl: absentFlag(),
  ulimit: absentFlag(),
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
