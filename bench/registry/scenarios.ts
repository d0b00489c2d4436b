import { LoadConnection, makeBody } from "./load-connection.ts";
import { moveFor } from "./move-for.ts";
import type { MoveTask } from "./move-task.ts";
import {
  getManifest,
  hashBody,
  type LoadBlob,
  pullBlob,
  pullByCurl,
  pushBlob,
  pushImage,
  shareJobs,
} from "./registry-client.ts";

/** Something that a registry is timed at. */
export interface Scenario {
  readonly what: string;
  readonly unit: "ms" | "MB/s" | "/s";
  readonly rounds: number;
  /** What a round moves, the same for everybody: made and hashed before. */
  readonly blobs: () => readonly LoadBlob[];
  /** Once for each registry, not timed. */
  readonly prepare?: (host: string, blobs: readonly LoadBlob[]) => Promise<void>;
  /** @returns the value, if it is not the time that it took */
  readonly run: (host: string, blobs: readonly LoadBlob[]) => Promise<number | undefined>;
  /** What the processors' time of the server is told for; it is divided by `amount`. */
  readonly work?: { readonly amount: number; readonly of: string };
  /** Tell how much memory it took. @default false */
  readonly showsPeak?: boolean;
  /** When to look at it, if not at the end: before clients break their connections, each with megabytes under way. */
  readonly peakAtMs?: number;
  /** Tell how long somebody else waits for an answer meanwhile. @default false */
  readonly showsPing?: boolean;
  /** Storage is memory, since what is pushed is more than a disk takes in that time: it is the registry that is measured. @default false */
  readonly isInMemory?: boolean;
  /**
   * Remove what a round has pushed, so that the next one has the same memory for it: what a virtual machine uses for the first time its host has yet to give it, which costs
   * several times what a push does. @default false
   */
  readonly dropsBytes?: boolean;
  /** How long a registry may rest before, which has memory to give back since its connections were broken. */
  readonly restMs?: number;
}

const MEGABYTE = 1e6;
const GIGABYTE = 1e9;
const SMALL_BYTES = 100_000;
const SMALL_COUNT = 1000;
const CLIENTS = 64;
const GETS = 10_000;
const REST_MS = 3000;
const PULL_MS = 5000;
const PUSH_MS = 3000;
const FILLER_BYTES = 1 << 20;

async function pushAll(host: string, blobs: readonly LoadBlob[]): Promise<undefined> {
  await shareJobs(host, blobs, { clients: CLIENTS, run: pushBlob });
}

async function pullAll(host: string, blobs: readonly LoadBlob[]): Promise<undefined> {
  await shareJobs(host, blobs, { clients: CLIENTS, run: pullBlob });
}

/** Each blob that is pushed is new to everybody; what is pulled was pushed once. */
export function scenarios(): readonly Scenario[] {
  const filler = crypto.getRandomValues(new Uint8Array(1 << 16));
  const pattern = new Uint8Array(FILLER_BYTES).map((_, index) => filler[index % filler.byteLength] ?? 0);
  const makeBlobs = (count: number, sizeBytes: number): readonly LoadBlob[] =>
    Array.from({ length: count }, () => hashBody(makeBody(sizeBytes, pattern)));
  const large = makeBlobs(1, GIGABYTE);
  const small = makeBlobs(SMALL_COUNT, SMALL_BYTES);
  return [
    {
      what: "push a blob of 1 GB",
      unit: "ms",
      rounds: 5,
      blobs: () => makeBlobs(1, GIGABYTE),
      run: pushAll,
      dropsBytes: true,
      work: { amount: 1, of: "1 GB" },
      showsPeak: true,
    },
    {
      what: "pull a blob of 1 GB by curl",
      unit: "ms",
      rounds: 9,
      blobs: () => large,
      prepare: pushAll,
      run: async (host, [blob]) => (blob === undefined ? undefined : await pullByCurl(host, blob)),
      work: { amount: 1, of: "1 GB" },
    },
    {
      what: "push 1000 blobs of 100 KB, 64 clients",
      unit: "ms",
      rounds: 5,
      blobs: () => makeBlobs(SMALL_COUNT, SMALL_BYTES),
      run: pushAll,
      work: { amount: 1, of: "1000 blobs" },
      showsPeak: true,
    },
    {
      what: "pull 1000 blobs of 100 KB, 64 clients",
      unit: "ms",
      rounds: 5,
      blobs: () => small,
      prepare: pushAll,
      run: pullAll,
      work: { amount: 1, of: "1000 blobs" },
      showsPeak: true,
    },
    {
      what: "manifests by tag, 64 clients",
      unit: "/s",
      rounds: 5,
      blobs: () => small.slice(0, 1),
      prepare: pushImages,
      run: (host) => countManifests(host),
      work: { amount: GETS / 1000, of: "1000 manifests" },
    },
    {
      what: "64 clients pull a blob of 1 GB, the first 5 s",
      unit: "MB/s",
      rounds: 3,
      blobs: () => large,
      prepare: pushAll,
      run: (host, blobs) => moveAll(host, blobs, { way: "pull", durationMs: PULL_MS }),
      showsPeak: true,
      peakAtMs: PULL_MS - 100,
      restMs: REST_MS,
    },
    {
      what: "64 clients push a blob of 1 GB each into memory, the first 3 s",
      unit: "MB/s",
      rounds: 3,
      // Its end is not reached: nobody looks at the digest.
      blobs: () => [{ body: makeBody(GIGABYTE, pattern), digest: `sha256:${"0".repeat(64)}` }],
      run: (host, blobs) => moveAll(host, blobs, { way: "push", durationMs: PUSH_MS }),
      showsPeak: true,
      peakAtMs: PUSH_MS - 100,
      showsPing: true,
      isInMemory: true,
      dropsBytes: true,
      restMs: REST_MS,
    },
  ];
}

async function pushImages(host: string, blobs: readonly LoadBlob[]): Promise<void> {
  using connection = await LoadConnection.open(host);
  for (const blob of blobs) await pushImage(connection, blob, "latest");
}

async function countManifests(host: string): Promise<number> {
  const beganAt = performance.now();
  await shareJobs(host, new Array<string>(GETS).fill("latest"), { clients: CLIENTS, run: getManifest });
  return (GETS / (performance.now() - beganAt)) * 1000;
}

async function moveAll(
  host: string,
  [blob]: readonly LoadBlob[],
  how: Pick<MoveTask, "way" | "durationMs">,
): Promise<number | undefined> {
  if (blob === undefined) return undefined;
  return (await moveFor({ host, blob, clients: CLIENTS, ...how })) / MEGABYTE;
}
