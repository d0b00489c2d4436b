import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { hashRoot } from "../../src/daemon/root-hash.ts";
import { chainIdsOf } from "../../src/image/chain-id.ts";
import { detectCgroups } from "../../src/linux/cgroupfs/index.ts";
import type { Digest } from "../../src/oci/digest.ts";
import { Database } from "../../src/platform/sqlite.ts";
import { findProgram } from "../support/command.ts";
import { pluggedInterfaces, type TestDaemon, until } from "../support/daemon.ts";

/** What a host should have of one daemon. */
export interface Expected {
  /** Ids of the containers that are there. */
  readonly containers: readonly string[];
  /** Of these, those that run. */
  readonly running: readonly string[];
  /** Of these, those with an interface, with published ports, with a /dev/shm for others. */
  readonly plugged: readonly string[];
  readonly published: readonly string[];
  readonly sharing: readonly string[];
  /** Names of volumes that containers have. */
  readonly volumes: readonly string[];
  /** Ids of all containers and execs that there ever were: whose processes we look for. */
  readonly everSeen: ReadonlySet<string>;
}

/** What is too much or missing of a daemon that serves, as soon as what is just ending has ended. Empty when all is well. */
export async function takeCensus(daemon: TestDaemon, everSeen: Set<string>): Promise<string[]> {
  const api = daemon.api();
  let found: string[] = [];
  const isRight = async (): Promise<boolean> => {
    const all = await api.listContainers({ all: true });
    for (const { Id } of all) everSeen.add(Id);
    // One that has just removed itself is not there in the next look.
    const known = await Promise.all(all.map(({ Id }) => api.inspectContainer(Id).catch(() => undefined)));
    const inspected = known.filter((container) => container !== undefined);
    const running = inspected.filter(({ State }) => State.Running);
    const ids = (containers: typeof inspected) => containers.map(({ Id }) => Id);
    found = census(daemon, {
      containers: ids(inspected),
      running: ids(running),
      plugged: ids(running.filter(({ HostConfig }) => HostConfig.NetworkMode === "bridge")),
      published: ids(running.filter(({ HostConfig }) => Object.keys(HostConfig.PortBindings ?? {}).length > 0)),
      sharing: ids(running.filter(({ HostConfig }) => HostConfig.IpcMode === "shareable")),
      volumes: inspected.flatMap(({ Mounts }) => Mounts.flatMap(({ Name }) => Name ?? [])),
      everSeen,
    });
    return found.length === 0;
  };
  await until("nothing is left over", isRight).catch(() => {});
  return found;
}

/** Counts what is on the host and on the disk of one daemon, and says what is too much, or missing. Empty when all is well. */
function census(places: { readonly root: string; readonly state: string }, expected: Expected): string[] {
  const hash = hashRoot(places.root);
  return [
    ...mounts(places, expected),
    ...compare("cgroup", cgroups(hash), expected.running),
    ...interfaces(hash, expected),
    ...tables(hash),
    ...compare("monitor", monitors(expected.everSeen), expected.running),
    ...compare("relay", [...new Set(relays(hash))], expected.published),
    ...files(places, expected),
    ...store(places.root),
  ];
}

function compare(what: string, found: readonly string[], wanted: readonly string[]): string[] {
  return [
    ...found.filter((name) => !wanted.includes(name)).map((name) => `left over: ${what} ${name}`),
    ...wanted.filter((name) => !found.includes(name)).map((name) => `missing: ${what} ${name}`),
  ];
}

export function mountsBelow(folder: string): string[] {
  return readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .map((line) => line.split(" ")[4] ?? "")
    .filter((path) => path.startsWith(`${folder}/`));
}

function mounts({ root, state }: { readonly root: string; readonly state: string }, { sharing }: Expected): string[] {
  return compare(
    "mount",
    [...mountsBelow(root), ...mountsBelow(state)],
    sharing.map((id) => join(state, "shm", id.slice(0, 12))),
  );
}

function cgroups(hash: string): string[] {
  const names = detectCgroups().mounts.flatMap((mount) => namesIn(join(mount.mountPoint, `gantry-${hash}`)));
  return [...new Set(names)].filter((name) => /^[0-9a-f]{64}$/.test(name));
}

function interfaces(hash: string, { plugged }: Expected): string[] {
  const names = namesIn("/sys/class/net");
  const count = pluggedInterfaces(hash).length;
  const bridges = names.filter((name) => name.startsWith(`gn${hash}`)).length;
  return [
    ...(count === plugged.length ? [] : [`${count} interfaces instead of ${plugged.length}`]),
    ...(bridges === 1 ? [] : [`${bridges} bridges instead of 1`]),
  ];
}

function tables(hash: string): string[] {
  const { stdout } = Bun.spawnSync([findProgram("nft") ?? "nft", "list", "tables"]);
  const found = stdout
    .toString()
    .split("\n")
    .filter((line) => line.endsWith(`gantry-${hash}`));
  return found.length === 1 ? [] : [`${found.length} nftables tables instead of 1`];
}

/** Containers and execs that have a monitor. */
export function monitors(ids: ReadonlySet<string>): string[] {
  return processes()
    .filter(({ args }) => args[1] === "monitor" && ids.has(args[2] ?? ""))
    .map(({ args }) => args[2] ?? "");
}

/** Containers that have a relay. */
function relays(hash: string): string[] {
  return processes()
    .filter(({ args }) => args[1] === "relay" && args[3]?.startsWith(`gantry-${hash}/`))
    .map(({ args }) => args[3]?.split("/")[1] ?? "");
}

/** The process number of a container's monitor. */
export function monitorOf(id: string): number | undefined {
  return processes().find(({ args }) => args[1] === "monitor" && args[2] === id)?.pid;
}

function processes(): { readonly pid: number; readonly args: readonly string[] }[] {
  return namesIn("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const args = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
        return args[1] === "monitor" || args[1] === "relay" ? [{ pid: Number(pid), args }] : [];
      } catch {
        return [];
      }
    });
}

function files({ root, state }: { readonly root: string; readonly state: string }, expected: Expected): string[] {
  const sockets = expected.running.map((id) => `${id.slice(0, 12)}.sock`);
  return [
    ...compare("folder of container", namesIn(join(root, "containers")), expected.containers),
    ...compare("socket", namesIn(join(state, "monitors")), sockets),
    ...compare(
      "shared memory",
      namesIn(join(state, "shm")),
      expected.sharing.map((id) => id.slice(0, 12)),
    ),
    ...compare("unfinished blob", namesIn(join(root, "content/ingest")), []),
    ...compare("unfinished layer", namesIn(join(root, "snapshots/temporary")), []),
    ...compare("volume", namesIn(join(root, "volumes")), expected.volumes),
  ];
}

/** Rows without files, files without rows, and rows that nothing reaches. */
function store(root: string): string[] {
  using database = new Database(join(root, "state.db"), { readonly: true });
  const column = (sql: string): string[] => (database.query(sql).values() as string[][]).map((row) => row[0] ?? "");
  const rows = column("SELECT digest FROM blobs");
  const onDisk = namesIn(join(root, "content/blobs/sha256")).map((name) => `sha256:${name}`);
  const live = column(`WITH RECURSIVE live (digest) AS (
    SELECT digest FROM image_names UNION SELECT digest FROM content_holds
    UNION SELECT child FROM blob_edges JOIN live ON parent = digest) SELECT digest FROM live`);
  const sizes = database.query("SELECT digest, size_bytes FROM blobs").all() as {
    digest: string;
    size_bytes: number;
  }[];
  const path = (digest: string): string => join(root, "content/blobs/sha256", digest.slice(7));
  const chains = live
    .filter((digest) => existsSync(path(digest)))
    .flatMap((digest) => chainsOf(readFileSync(path(digest))));
  return [
    ...compare("blob file", onDisk, rows),
    ...compare("blob", rows, live),
    ...sizes
      .filter(({ digest, size_bytes }) => existsSync(path(digest)) && statSync(path(digest)).size !== size_bytes)
      .map(({ digest }) => `torn: blob ${digest}`),
    ...compare("layer", column("SELECT chain_id FROM snapshots"), [...new Set(chains)]),
    ...compare(
      "layer's folder",
      namesIn(join(root, "snapshots")).filter((name) => name !== "temporary"),
      column("SELECT chain_id FROM snapshots").map((chain) => chain.slice(7)),
    ),
    ...column("SELECT id FROM engine_containers")
      .map((id) => id)
      .filter((id) => !existsSync(join(root, "containers", id)))
      .map((id) => `missing: folder of ${id}`),
  ];
}

/** The layers of an image, if these bytes are its config. */
function chainsOf(bytes: Uint8Array): readonly string[] {
  if (bytes[0] !== 0x7b) return [];
  const { rootfs } = JSON.parse(Buffer.from(bytes).toString()) as { rootfs?: { diff_ids: Digest[] } };
  return rootfs === undefined ? [] : chainIdsOf(rootfs.diff_ids);
}

function namesIn(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder) : [];
}
