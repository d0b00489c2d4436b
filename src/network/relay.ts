import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { GantryError } from "../errors/gantry-error.ts";
import { describeErrno, ERRNO } from "../platform/errno.ts";
import { SYS, syscall } from "../platform/libc.ts";
import { readStartTime } from "../platform/process-identity.ts";
import type { Endpoint, PortBinding } from "./endpoint.ts";
import { EVERY_ADDRESS } from "./firewall-rules.ts";

/**
 * Starts a relay: a native process that outlives the daemon, listens on a host's address and passes connections on to a
 * container. Its command line is the helper's name followed by `args`.
 *
 * Resolves with its process id once it listens; rejects with `conflict` if the address is in use, with `unsupported` if it
 * does not know the protocol.
 */
export type StartRelay = (args: readonly string[]) => Promise<number>;

/** A relay that runs. */
export interface RunningRelay {
  readonly pid: number;
  readonly containerId: string;
  /** As `relayCommandLines` made them. */
  readonly args: readonly string[];
}

const SIGTERM = 15;
const ENDING_MS_MAX = 2000;

/** By what a relay's command line tells whose it is: other daemons have relays on this host, too. */
function relayId(rootHash: string, containerId: string): string {
  return `gantry-${rootHash}/${containerId}`;
}

/** How many sockets one relay process listens on (`PORTS` in native/relay.c). */
const SOCKETS_PER_RELAY = 64;

/** The addresses that keep a published port bound: IPv4's and IPv6's "every address" are two sockets. */
function listenAddresses(port: PortBinding, hasIpv6: boolean): string[] {
  if (port.hostAddress !== EVERY_ADDRESS) return [port.hostAddress];
  return hasIpv6 ? [EVERY_ADDRESS, "::"] : [EVERY_ADDRESS];
}

/**
 * The command lines of the relays that keep an endpoint's ports bound, and serve those that no rule rewrites; as few processes
 * as can be, none without ports.
 */
export function relayCommandLines(
  rootHash: string,
  endpoint: Pick<Endpoint, "containerId" | "address" | "ports">,
  options: { readonly hasIpv6: boolean },
): string[][] {
  const sockets = endpoint.ports.flatMap((port) =>
    listenAddresses(port, options.hasIpv6).map((address) => [
      ...[port.protocol, address, String(port.hostPort)],
      ...[endpoint.address, String(port.containerPort)],
    ]),
  );
  const relays: string[][] = [];
  for (let start = 0; start < sockets.length; start += SOCKETS_PER_RELAY) {
    const part = sockets.slice(start, start + SOCKETS_PER_RELAY);
    relays.push(["relay", "--id", relayId(rootHash, endpoint.containerId), ...part.flat()]);
  }
  return relays;
}

/** The relay with this command line (as in `/proc/<pid>/cmdline`), if it is one of this root's. Total. */
export function parseRelayCommandLine(commandLine: string, rootHash: string): Omit<RunningRelay, "pid"> | undefined {
  const words = commandLine.replace(/\0$/, "").split("\0");
  const at = words.indexOf("relay");
  if (at === -1 || words[at + 1] !== "--id") return undefined;
  const prefix = relayId(rootHash, "");
  const id = words[at + 2] ?? "";
  return id.startsWith(prefix) ? { containerId: id.slice(prefix.length), args: words.slice(at) } : undefined;
}

function readCommandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    // The process has ended meanwhile.
    return "";
  }
}

/** Every relay of this root that runs on the host. */
export function listRelays(rootHash: string): RunningRelay[] {
  return readdirSync("/proc")
    .filter((name) => /^[0-9]+$/.test(name))
    .flatMap((name) => {
      const pid = Number(name);
      const relay = parseRelayCommandLine(readCommandLine(pid), rootHash);
      return relay === undefined ? [] : [{ pid, ...relay }];
    });
}

/** A process that was told to end. */
export interface EndingProcess {
  readonly pid: number;
  readonly startTime: number;
}

/**
 * Tells a relay to end. Idempotent. The process is held by a descriptor before it is looked at, so that no other that got
 * its number is hit.
 *
 * @returns undefined when it is gone already.
 */
export function stopRelay(rootHash: string, relay: RunningRelay): EndingProcess | undefined {
  const descriptor = syscall(SYS.pidfd_open, relay.pid, 0);
  if (descriptor < 0) return undefined;
  try {
    const startTime = readStartTime(relay.pid);
    const found = parseRelayCommandLine(readCommandLine(relay.pid), rootHash);
    if (startTime === undefined || found?.containerId !== relay.containerId) return undefined;
    const result = syscall(SYS.pidfd_send_signal, descriptor, SIGTERM, null, 0);
    if (result === -ERRNO.ESRCH) return undefined;
    if (result < 0) throw new GantryError("internal", `cannot end the relay ${relay.pid}: ${describeErrno(-result)}`);
    return { pid: relay.pid, startTime };
  } finally {
    syscall(SYS.close, descriptor);
  }
}

/**
 * Resolves when a process is gone, and with it its hold on ports; after two seconds in any case: whoever binds them then hears
 * that they are taken. Its command line would not tell: a process gives back its memory before its sockets (do_exit() of
 * kernel/exit.c).
 */
export async function processEnded({ pid, startTime }: EndingProcess): Promise<void> {
  const deadline = performance.now() + ENDING_MS_MAX;
  while (performance.now() < deadline && readStartTime(pid) === startTime) await delay(1);
}
