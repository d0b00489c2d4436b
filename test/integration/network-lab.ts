import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { buildNative } from "../../scripts/build-native.ts";
import { addAddress } from "../../src/linux/netlink/address.ts";
import { createVethPair, findLink, listLinks, setLink } from "../../src/linux/netlink/link.ts";
import { NetlinkSocket } from "../../src/linux/netlink/netlink-socket.ts";
import { NetworkNamespace, withNetworkNamespace } from "../../src/linux/netlink/network-namespace.ts";
import { addRoute } from "../../src/linux/netlink/route.ts";
import { setNetworkParameter } from "../../src/network/host-settings.ts";
import { NETWORK_MIGRATIONS, SqliteNetworkRecords } from "../../src/network/network-records.ts";
import { NetworkStack, type NetworkStackOptions } from "../../src/network/network-stack.ts";
import { listRelays } from "../../src/network/relay.ts";
import { relayStarter } from "../../src/network/spawn-relay.ts";
import { SYS, syscall } from "../../src/platform/libc.ts";
import { Database } from "../../src/platform/sqlite.ts";

const CLONE_NEWNET = 0x40000000;
const DEADLINE_MS = 30_000;

/** Waits until `probe` gives something. */
export async function until<Result>(
  what: string,
  probe: () => Result | undefined | false,
  deadlineMs = DEADLINE_MS,
): Promise<Result> {
  for (const deadline = Date.now() + deadlineMs; Date.now() < deadline; await wait(5)) {
    const result = probe();
    if (result !== undefined && result !== false) return result;
  }
  throw new Error(`waited in vain until ${what}`);
}

/**
 * A host of its own for tests: the test's thread moves into a fresh network namespace, which disappears with the last process
 * in it. Everything started from here is inside.
 */
export class NetworkLab implements AsyncDisposable {
  readonly folder = mkdtempSync(join(tmpdir(), "gantry-network-"));
  readonly rootHash: string;
  readonly db = new Database(":memory:", { strict: true });
  readonly warnings: string[] = [];
  readonly #home: NetworkNamespace;
  readonly #relayRoots = new Set<string>();
  readonly #children = new Set<ChildProcess>();

  private constructor(rootHash: string, home: NetworkNamespace) {
    this.rootHash = rootHash;
    this.#home = home;
  }

  static open(rootHash: string): NetworkLab {
    const lab = new NetworkLab(rootHash, NetworkNamespace.open("/proc/thread-self/ns/net"));
    if (syscall(SYS.unshare, CLONE_NEWNET) !== 0) throw new Error("cannot make a network namespace");
    // A new namespace inherits it from the machine, where a daemon may have turned it on: a dockerd then leaves FORWARD open.
    setNetworkParameter("ipv4/ip_forward", "0");
    using socket = NetlinkSocket.open("route");
    socket.perform([setLink({ index: 1 }, { isUp: true })]);
    for (const migration of NETWORK_MIGRATIONS) lab.db.run(migration.sql);
    return lab;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.killRelays();
    for (const child of this.#children) child.kill("SIGKILL");
    await Promise.all([...this.#children].map((child) => ended(child)));
    syscall(SYS.setns, this.#home.descriptor, CLONE_NEWNET);
    this.#home[Symbol.dispose]();
    this.db.close();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** A daemon's network stack on this host, with the same records each time. */
  stack(options: Partial<NetworkStackOptions> = {}): NetworkStack {
    return new NetworkStack({
      records: new SqliteNetworkRecords(this.db),
      rootHash: this.rootHash,
      now: () => 1_700_000_000_000,
      startRelay: (args) => this.startRelay(args),
      warn: (sentence) => this.warnings.push(sentence),
      lockPath: join(this.folder, "lock"),
      ...options,
    });
  }

  /** Records of another daemon. */
  otherRecords(): SqliteNetworkRecords {
    const db = new Database(":memory:", { strict: true });
    for (const migration of NETWORK_MIGRATIONS) db.run(migration.sql);
    return new SqliteNetworkRecords(db);
  }

  /** What there is on the host: to compare before and after. */
  state(): { interfaces: string[]; ruleset: string; endpoints: unknown[] } {
    using socket = NetlinkSocket.open("route");
    return {
      interfaces: listLinks(socket).map((link) => link.name),
      ruleset: this.run(0, ["nft", "--stateless", "list", "ruleset"]).output,
      endpoints: new SqliteNetworkRecords(this.db).listEndpoints(),
    };
  }

  /** Ends all relays, as a crash would. */
  killRelays(): void {
    const relays = [...this.#relayRoots].flatMap((root) => listRelays(root));
    for (const relay of relays) process.kill(relay.pid, "SIGKILL");
  }

  /** Starts a program on the host, to be killed at the end at the latest. */
  spawn(command: string, args: readonly string[]): ChildProcess {
    const child = spawn(command, [...args], { stdio: ["ignore", "pipe", "pipe"] });
    this.#children.add(child);
    child.once("exit", () => this.#children.delete(child));
    return child;
  }

  /** A process in a network namespace of its own, like a container's. */
  async container(): Promise<number> {
    const child = this.spawn("unshare", ["--net", "sh", "-c", "echo ready; exec sleep 1000"]);
    await new Promise((resolve) => child.stdout?.once("data", resolve));
    if (child.pid === undefined) throw new Error("no process");
    return child.pid;
  }

  /** Another machine, which reaches this host at 192.0.2.1 and routes everything through it. */
  async outside(): Promise<number> {
    const pid = await this.container();
    using namespace = NetworkNamespace.ofProcess(pid);
    using socket = NetlinkSocket.open("route");
    const peer = { name: "eth0", namespaceDescriptor: namespace.descriptor };
    socket.perform([createVethPair("uplink", { peer }), setLink({ name: "uplink" }, { isUp: true })]);
    const linkIndex = findLink(socket, { name: "uplink" })?.index ?? 0;
    socket.perform([addAddress({ linkIndex, address: "192.0.2.1", prefixLength: 24 })]);
    withNetworkNamespace(namespace, () => {
      using inside = NetlinkSocket.open("route");
      const index = findLink(inside, { name: "eth0" })?.index ?? 0;
      inside.perform([
        setLink({ index: 1 }, { isUp: true }),
        setLink({ index }, { isUp: true }),
        addAddress({ linkIndex: index, address: "192.0.2.9", prefixLength: 24 }),
        addRoute({ destination: undefined, prefixLength: 0, gateway: "192.0.2.1", linkIndex: index }),
      ]);
    });
    return pid;
  }

  startRelay(args: readonly string[]): Promise<number> {
    this.#relayRoots.add(/^gantry-([0-9a-f]{8})/.exec(args[2] ?? "")?.[1] ?? this.rootHash);
    return relayStarter(buildNative().path)(args);
  }

  /** Starts a server in the network namespace of a process: it answers with its name and who asked. */
  async serve(pid: number, name: string, protocol: "tcp" | "udp", port: number): Promise<void> {
    const listen = protocol === "tcp" ? `TCP4-LISTEN:${port},fork,reuseaddr` : `UDP4-RECVFROM:${port},fork`;
    const answer = `SYSTEM:read line; echo "${name} for $SOCAT_PEERADDR"`;
    this.spawn("nsenter", ["-t", String(pid), "-n", "socat", listen, answer]);
    await until(`${name} listens`, () => listens(pid, protocol, port));
  }

  /** What a server says to who asks from the network namespace of a process (0: the host); empty if nothing answers. */
  ask(pid: number, target: string): string {
    const command = target.startsWith("TCP")
      ? // A connection gets the time to send its first packet twice more, after one second and after three.
        ["socat", "-t10", "-", `${target},connect-timeout=5`]
      : // UDP has no end: the first line that comes is the answer, and none within five seconds is none.
        ["socat", "-t0.1", "-T5", target, 'SYSTEM:echo hello; read -r answer; echo "$answer" >&2'];
    const { output } = this.run(pid, command, "hello\n");
    return output.includes(" for ") ? output : "";
  }

  /** Runs a program in the network namespace of a process (0: the host), and returns what it printed. */
  run(
    pid: number,
    command: readonly string[],
    input = "",
  ): { readonly status: number | null; readonly output: string } {
    const line = pid === 0 ? [...command] : ["nsenter", "-t", String(pid), "-n", ...command];
    const result = spawnSync(line[0] ?? "", line.slice(1), { input, timeout: DEADLINE_MS });
    return { status: result.status, output: `${result.stdout}${result.stderr}`.trim() };
  }
}

function ended(child: ChildProcess): Promise<unknown> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => child.once("exit", resolve));
}

/** True if the process's network namespace has a listener (TCP) or a bound socket (UDP) on this port. */
export function listens(pid: number, protocol: "tcp" | "udp", port: number): boolean {
  const wanted = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  const state = protocol === "tcp" ? "0A" : "07";
  return ["", "6"].some((suffix) =>
    readFileSync(`/proc/${pid}/net/${protocol}${suffix}`, "utf8")
      .split("\n")
      .slice(1)
      .map((line) => line.trim().split(/\s+/))
      .some((columns) => columns[1]?.endsWith(wanted) === true && columns[3] === state),
  );
}
