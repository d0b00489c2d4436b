import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { inTestBucket } from "../support/bucket-root.ts";
import { run } from "../support/command.ts";
import { daemonSkipReason, TestDaemon } from "../support/daemon.ts";
import { type MadeLayer, makeArchive, makeLayer } from "../support/layers.ts";
import { registrySkipReason, startRegistry } from "../support/registry.ts";
import { requireS3Server, S3Server } from "../support/s3-server.ts";
import { CrashRun } from "./crash-run.ts";
import { crashRegistry } from "./registry-crash.ts";
import { SeededRandom } from "./seeded-random.ts";

/** Why the crash test cannot run here; undefined if it can. */
export function crashSkipReason(): string | undefined {
  return daemonSkipReason(["nft"]) ?? registrySkipReason();
}

/** Kills a daemon so many times. The same seed makes the same choices; what the machine does in between is its own. */
export async function crash(kills: number, seed: number): Promise<ReadonlyMap<string, number>> {
  await using daemon = await TestDaemon.start();
  using registry = await startRegistry();
  const shared = [layer("shared", 400, 2_000), layer("big", 3, 1_500_000)];
  const pullable = [`${registry.host}/one:1`, `${registry.host}/two:1`];
  for (const [index, name] of pullable.entries()) {
    const path = join(daemon.directory, "image.tar");
    writeFileSync(path, makeArchive(name, [...shared, layer(`own-${index}`, 20, 50_000)]));
    await run([
      "skopeo",
      "copy",
      "--quiet",
      "--insecure-policy",
      "--dest-tls-verify=false",
      `oci-archive:${path}`,
      `docker://${name}`,
    ]);
  }
  const archive = { name: "loaded:1", bytes: makeArchive("loaded:1", [...shared, layer("loaded", 20, 50_000)]) };
  const crashes = new CrashRun({ daemon, random: new SeededRandom(seed), pullable, archive });
  let round = 0;
  try {
    for (; round < kills; round++) await crashes.round();
    await crashes.end();
    return crashes.broken;
  } catch (error) {
    const told = [...crashes.journal, "the daemon says:", daemon.log.trim()].map((line) => `  ${line}`).join("\n");
    throw new Error(`seed ${seed}, kill ${round + 1}:\n${told}`, { cause: error });
  }
}

/** A layer of files that nothing compresses. */
function layer(folder: string, count: number, sizeBytes: number): MadeLayer {
  return makeLayer([
    { type: "directory", path: folder, mode: 0o755 },
    ...Array.from({ length: count }, (_, number) => ({
      type: "file" as const,
      path: `${folder}/${number}`,
      content: randomBytes(sizeBytes),
    })),
  ]);
}

/** Blobs of registries are in a bucket from now on. @returns the server, to be ended */
async function useBucket(): Promise<AsyncDisposable> {
  const server = await S3Server.start(requireS3Server());
  Object.assign(process.env, inTestBucket(server));
  return server;
}

/** `npm run test:crash -- [registry [--s3]] [KILLS] [SEED]` */
async function main(): Promise<void> {
  const words = process.argv.slice(2).filter((word) => word !== "--s3");
  await using _bucket = process.argv.includes("--s3") ? await useBucket() : undefined;
  const [first, ...rest] = words;
  const isRegistry = first === "registry";
  const skip = isRegistry ? undefined : crashSkipReason();
  if (skip !== undefined) {
    console.log(`skipped: ${skip}`);
    return;
  }
  const [kills = 200, seed = Date.now() % 1_000_000_000] = (isRegistry ? rest : [first, ...rest])
    .filter((word) => word !== undefined)
    .map(Number);
  const again = `npm run test:crash -- ${isRegistry ? "registry " : ""}${kills} ${seed}`;
  console.log(`${kills} kills, seed ${seed} (again: ${again})`);
  const broken = await (isRegistry ? crashRegistry(kills, seed) : crash(kills, seed));
  const counts = [...broken].map(([what, count]) => `${what} ${count}`).join(", ");
  console.log(`nothing was lost, nothing is left over; broken off: ${counts}`);
}

if (import.meta.main) await main();
