import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import packageFile from "../../package.json" with { type: "json" };
import { findProgram } from "../../test/support/command.ts";
import { PeerAbsent } from "../peers/peer.ts";

/** A registry as the benchmarks see it: an address, a process, empty storage of its own. */
export interface RegistryPeer extends AsyncDisposable {
  readonly name: string;
  readonly version: string;
  /** `127.0.0.1:PORT`, plain HTTP, open to everybody. */
  readonly host: string;
  readonly pid: number;
  /** Removes the bytes of blobs, and of uploads that were broken off. What it knows of them stays: only for what looks at neither. */
  dropBytes(): void;
}

/** Where its storage is. @default the folder for temporary files */
export interface PeerPlace {
  readonly parent?: string;
}

interface Launch extends PeerPlace {
  readonly name: string;
  readonly version: string;
  /** Its command line, for a folder of its own and the address where it is to listen. */
  readonly command: (
    folder: string,
    address: { readonly hostname: string; readonly port: number },
  ) => readonly string[];
}

/** Where those are kept that are built here, once. */
const BUILT = process.env.GANTRY_BENCH_CACHE ?? join(homedir(), ".cache/gantry-bench/bin");

const DISTRIBUTION = "github.com/distribution/distribution/v3/cmd/registry@v3.1.2";
const ZOT = "zotregistry.dev/zot/v2/cmd/zot@v2.1.9";
const ZB = "zotregistry.dev/zot/v2/cmd/zb@v2.1.9";

/** A Go program by its module, built if it is not there. @throws PeerAbsent with what Go says */
function goProgram(name: string, module: string): string {
  const built = join(BUILT, name);
  if (existsSync(built)) return built;
  const go = findProgram("go");
  if (go === undefined) throw new PeerAbsent(`${name}: it is not in ${BUILT}, and there is no Go to build it`);
  process.stderr.write(`bench: building ${module} (once)…\n`);
  const { exitCode, stderr } = Bun.spawnSync(["nice", go, "install", "-p", "1", module], {
    env: { ...process.env, GOBIN: BUILT, GOFLAGS: "-buildvcs=false", CGO_ENABLED: "0" },
  });
  if (exitCode === 0) return built;
  const reason = stderr.toString().trim().split("\n").at(-1);
  throw new PeerAbsent(`${name}: go install ${module}: ${reason} (build it from its source into ${BUILT})`);
}

/** Debian's, version 2 of the distribution project's. */
export function startDockerRegistry(place: PeerPlace = {}): Promise<RegistryPeer> {
  const program = findProgram("docker-registry");
  if (program === undefined) throw new PeerAbsent("docker-registry: it is not installed");
  return launchDistribution("docker-registry", program, place);
}

export function startDistribution(place: PeerPlace = {}): Promise<RegistryPeer> {
  return launchDistribution("distribution", goProgram("registry", DISTRIBUTION), place);
}

function launchDistribution(name: string, program: string, place: PeerPlace): Promise<RegistryPeer> {
  const version = / v?(\S+)\s*$/.exec(Bun.spawnSync([program, "--version"]).stdout.toString())?.[1] ?? "?";
  return launch({
    ...place,
    name,
    version,
    command(folder, { hostname, port }) {
      const config = join(folder, "config.yml");
      const storage = `storage: { filesystem: { rootdirectory: ${join(folder, "data")} } }`;
      const http = `http: { addr: "${hostname}:${port}" }`;
      writeFileSync(
        config,
        `version: 0.1\nlog: { level: error, accesslog: { disabled: true } }\n${storage}\n${http}\n`,
      );
      return [program, "serve", config];
    },
  });
}

export function startZot(place: PeerPlace = {}): Promise<RegistryPeer> {
  const program = goProgram("zot", ZOT);
  return launch({
    ...place,
    name: "zot",
    version: ZOT.split("@v")[1] ?? "?",
    command(folder, { hostname, port }) {
      const config = join(folder, "config.json");
      const http = { address: hostname, port: String(port) };
      const storage = { rootDirectory: join(folder, "data"), gc: false };
      writeFileSync(config, JSON.stringify({ distSpecVersion: "1.1.1", storage, http, log: { level: "error" } }));
      return [program, "serve", config];
    },
  });
}

/** The packaged program, without an engine. */
export function startGantryRegistry(place: PeerPlace = {}): Promise<RegistryPeer> {
  const program = process.env.GANTRY_BENCH_PROGRAM?.split(" ") ?? [join(import.meta.dir, "../../dist/gantry")];
  return launch({
    ...place,
    name: "gantry",
    version: packageFile.version,
    command: (folder, { hostname, port }) => [
      ...program,
      ...["registry", "serve", "--root", join(folder, "root"), "-l", `${hostname}:${port}`],
    ],
  });
}

/** zot's load generator. @throws PeerAbsent */
export function findZb(): string {
  return goProgram("zb", ZB);
}

async function launch({ name, version, command, parent = tmpdir() }: Launch): Promise<RegistryPeer> {
  const folder = mkdtempSync(join(parent, `gantry-bench-${name}-`));
  const address = { hostname: "127.0.0.1", port: await freePort() };
  const host = `${address.hostname}:${address.port}`;
  const log = join(folder, "log");
  const child = Bun.spawn(["setpriv", "--pdeathsig", "KILL", ...command(folder, address)], {
    stdio: ["ignore", Bun.file(log), Bun.file(log)],
    env: { ...process.env, OTEL_TRACES_EXPORTER: "none" },
  });
  const dispose = async (): Promise<void> => {
    child.kill("SIGKILL");
    await child.exited;
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    while (!(await answers(host))) {
      if (child.exitCode !== null)
        throw new Error(`${name} ended with ${child.exitCode}:\n${readFileSync(log, "utf8")}`);
      await Bun.sleep(50);
    }
    const dropBytes = (): void => dropLargeFiles(folder);
    return { name, version, host, pid: child.pid, dropBytes, [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

async function answers(host: string): Promise<boolean> {
  const response = await fetch(`http://${host}/v2/`).catch(() => undefined);
  return response?.ok === true;
}

function freePort(): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<number>();
  const server = createServer().listen(0, "127.0.0.1", () => {
    const address = server.address();
    server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
  });
  return promise;
}

const LARGE_BYTES = 1 << 20;

function dropLargeFiles(folder: string): void {
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    // It may have removed one itself by now; and databases are large too.
    const sizeBytes = entry.isFile() ? (statSync(path, { throwIfNoEntry: false })?.size ?? 0) : 0;
    if (sizeBytes > LARGE_BYTES && !entry.name.includes(".db")) rmSync(path, { force: true });
  }
}
