import { copyFileSync, mkdirSync, statSync, writeFileSync } from "node:fs";
import { GantryError } from "../../errors/gantry-error.ts";
import { formatHosts, parseExtraHost } from "../../network/hosts-file.ts";
import { formatResolvConf } from "../../network/resolv-conf.ts";
import type { SpecMount } from "../../runtime/spec/plan-spec.ts";
import type { EngineEndpoint } from "../dependencies.ts";
import type { EngineContext } from "../engine-context.ts";
import type { ContainerRecord } from "./container-record.ts";
import { normalTarget } from "./mount-target.ts";
import { parseTmpfsOptions } from "./tmpfs-options.ts";

/**
 * Writes the files that are bound over the image's /etc/hosts, /etc/hostname and /etc/resolv.conf, each at its path for good:
 * a running container has them bound. A container in another's network has that one's files.
 */
export function writeContainerFiles(
  context: EngineContext,
  record: ContainerRecord,
  options: { readonly mode: string; readonly endpoint?: EngineEndpoint },
): void {
  const files = context.paths.files(record.id);
  const { network = {}, domainname } = record.config;
  const { hostname } = record.effective;
  const { endpoint } = options;
  const extraHosts = (network.extraHosts ?? []).map((text) =>
    parseExtraHost(text, endpoint === undefined ? {} : { gateway: endpoint.gateway }),
  );
  const isHost = options.mode === "host";
  try {
    if (isHost) {
      copyFileSync("/etc/hosts", files.hosts);
      writeFileSync(files.hosts, extraHosts.map(({ name, address }) => `${address}\t${name}\n`).join(""), {
        flag: "a",
      });
    } else {
      writeFileSync(files.hosts, formatHosts(endpoint, extraHosts, domainname === undefined ? {} : { domainname }));
    }
    writeFileSync(files.hostname, `${hostname}\n`);
    const hostText = context.parts.readResolvConf();
    const hasOwn = [network.dns, network.dnsSearch, network.dnsOptions].some((list) => (list?.length ?? 0) > 0);
    writeFileSync(
      files.resolvConf,
      isHost && !hasOwn
        ? hostText
        : formatResolvConf(hostText, {
            dns: network.dns ?? [],
            search: network.dnsSearch ?? [],
            options: network.dnsOptions ?? [],
          }),
    );
  } catch (cause) {
    throw new GantryError("unavailable", `cannot write the network files of container ${record.name}`, { cause });
  }
}

/** What is mounted into a container besides Docker's defaults. Makes missing sources of `-v` folders. */
export function planContainerMounts(
  context: EngineContext,
  record: ContainerRecord,
  options: { readonly filesOf: string },
): readonly SpecMount[] {
  const targets = new Set(record.mounts.map((mount) => mount.target));
  const files = context.paths.files(options.filesOf);
  const isReadOnly = record.config.security?.readOnlyRootfs === true;
  const bound = [
    ["/etc/resolv.conf", files.resolvConf],
    ["/etc/hostname", files.hostname],
    ["/etc/hosts", files.hosts],
  ] as const;
  return [
    ...record.mounts.map((mount) => planMount(record, mount)),
    ...bound
      .filter(([target]) => !targets.has(target))
      .map(([target, source]): SpecMount => {
        return { type: "bind", source, target, isReadOnly, propagation: "rprivate", isRecursive: true };
      }),
  ];
}

function planMount(record: ContainerRecord, mount: ContainerRecord["mounts"][number]): SpecMount {
  const asked = record.config.mounts?.find((one) => normalTarget(one.target) === mount.target);
  if (mount.type === "tmpfs") {
    const options = asked?.type === "tmpfs" ? tmpfsOptions(asked) : parseTmpfsOptions([]);
    return { type: "tmpfs", target: mount.target, options };
  }
  if (mount.type === "bind") requireSource(mount.source, asked?.type === "bind" && asked.createSource);
  return {
    type: "bind",
    source: mount.source,
    target: mount.target,
    isReadOnly: mount.readOnly,
    propagation: mount.propagation || "rprivate",
    isRecursive: !(asked?.type === "bind" && asked.nonRecursive === true),
  };
}

function tmpfsOptions(mount: {
  readonly sizeBytes?: number;
  readonly mode?: number;
  readonly options?: readonly string[];
}): readonly string[] {
  return parseTmpfsOptions([
    ...(mount.sizeBytes ? [`size=${mount.sizeBytes}`] : []),
    ...(mount.mode === undefined ? [] : [`mode=${mount.mode.toString(8)}`]),
    ...(mount.options ?? []),
  ]);
}

function requireSource(source: string, isMadeIfMissing: boolean): void {
  if (statSync(source, { throwIfNoEntry: false }) !== undefined) return;
  if (!isMadeIfMissing) {
    throw new GantryError("invalid-argument", `bind source path does not exist: ${source}`);
  }
  try {
    mkdirSync(source, { recursive: true, mode: 0o755 });
  } catch (cause) {
    throw new GantryError("invalid-argument", `error while creating mount source path '${source}'`, { cause });
  }
}
