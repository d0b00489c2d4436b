import { randomBytes } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import type { Digest } from "../../src/oci/digest.ts";
import { digestOf } from "../../src/oci/hash-digest.ts";
import { describeBytes, encodeManifest } from "../support/push-content.ts";
import type { RegistryProcess } from "../support/registry-process.ts";
import { takeStoreCensus } from "./registry-census.ts";
import type { SeededRandom } from "./seeded-random.ts";

const REPOSITORIES = ["one", "two/deep"] as const;
const TAGS = ["a", "b", "c"] as const;
const BLOBS_AT_MOST = 60;
const JOURNAL_LINES = 200;
const LAYER = "application/vnd.oci.image.layer.v1.tar";
const CONFIG = "application/vnd.oci.image.config.v1+json";

/** What must be, as far as somebody was told: true, false, or undefined where the answer never came. */
type Known = boolean | undefined;

interface PendingUpload {
  readonly repository: string;
  readonly location: string;
  readonly bytes: Buffer;
  /** So many bytes were acknowledged. */
  acknowledged: number;
  isBusy: boolean;
}

/** The connection broke: the registry was killed. */
class BrokenOff extends Error {}

/** Asks a registry for things, kills it meanwhile, starts it again, and compares what is there with what was acknowledged. */
export class RegistryCrashRun {
  readonly #registry: RegistryProcess;
  readonly #random: SeededRandom;
  /** By `REPOSITORY DIGEST`. */
  readonly #blobs = new Map<string, Known>();
  readonly #manifests = new Map<string, Known>();
  /** By `REPOSITORY TAG`: what it may point at. */
  readonly #tags = new Map<string, ReadonlySet<string | undefined>>();
  readonly #uploads: PendingUpload[] = [];
  readonly #busy = new Set<string>();
  /** What manifests refer to. */
  readonly #references = new Map<string, readonly Digest[]>();
  readonly #sizes = new Map<string, number>();
  readonly journal: string[] = [];
  /** What was broken off by a kill, and how often. */
  readonly broken = new Map<string, number>();

  constructor(registry: RegistryProcess, random: SeededRandom) {
    this.#registry = registry;
    this.#random = random;
  }

  /** One kill, and what comes before and after it. */
  async round(): Promise<void> {
    const random = this.#random;
    const wrong: unknown[] = [];
    const work = Array.from({ length: 2 + random.below(5) }, () =>
      this.#ask(random.below(30)).catch((error: unknown) => void wrong.push(error)),
    );
    await (random.chance(0.2) ? Promise.all(work) : pause(random.chance(0.7) ? random.below(60) : random.below(300)));
    this.#note("kill -9");
    await this.#registry.down("SIGKILL");
    await Promise.all(work);
    if (wrong.length > 0) throw wrong[0];
    await this.#registry.up();
    await this.#check();
  }

  #note(what: string): void {
    this.journal.push(what);
    if (this.journal.length > JOURNAL_LINES) this.journal.shift();
  }

  // ---- what is asked of the registry

  async #ask(delayMs: number): Promise<void> {
    const wish = this.#choose();
    if (wish === undefined) return;
    const [what, subject, perform] = wish;
    this.#busy.add(subject);
    await pause(delayMs);
    this.#note(`${what} ${subject}`);
    try {
      await perform();
      this.#note(`  done: ${what} ${subject}`);
    } catch (error) {
      if (!(error instanceof BrokenOff)) throw error;
      this.#note(`  broken off: ${what} ${subject}`);
      this.broken.set(what, (this.broken.get(what) ?? 0) + 1);
    } finally {
      this.#busy.delete(subject);
    }
  }

  #choose(): readonly [string, string, () => Promise<void>] | undefined {
    const random = this.#random;
    const repository = random.pick(REPOSITORIES);
    const held = this.#heldBlobs(repository).filter((digest) => !this.#busy.has(`${repository} ${digest}`));
    const dice = random.next();
    const upload = this.#uploads.find((one) => !one.isBusy && !this.#busy.has(one.location));
    if (dice < 0.1 && upload !== undefined) return ["resume", upload.location, () => this.#resume(upload)];
    const isFull = this.#blobs.size > BLOBS_AT_MOST;
    if ((dice < 0.25 || isFull) && held.length > 0) {
      const digest = random.pick(held);
      if (!this.#isReferenced(repository, digest)) {
        return ["delete blob", `${repository} ${digest}`, () => this.#deleteBlob(repository, digest)];
      }
    }
    if (dice < 0.35) return this.#deletion(repository);
    if (dice < 0.6 && held.length > 1) return this.#manifestPush(repository, held);
    if (dice < 0.68) return this.#mount(repository);
    return this.#blobPush(repository);
  }

  #heldBlobs(repository: string): readonly Digest[] {
    return [...this.#blobs]
      .filter(([key, known]) => known === true && key.startsWith(`${repository} `))
      .map(([key]) => key.slice(repository.length + 1) as Digest);
  }

  #isReferenced(repository: string, digest: Digest): boolean {
    return [...this.#manifests].some(
      ([key, known]) =>
        known !== false &&
        key.startsWith(`${repository} `) &&
        this.#references.get(key.split(" ")[1] ?? "")?.includes(digest),
    );
  }

  #blobPush(repository: string): readonly [string, string, () => Promise<void>] {
    const random = this.#random;
    const bytes = randomBytes(random.chance(0.2) ? 1_000_000 : 1 + random.below(100_000));
    const digest = digestOf(bytes, random.chance(0.2) ? "sha512" : "sha256");
    const key = `${repository} ${digest}`;
    this.#sizes.set(digest, bytes.length);
    const way = random.pick(["whole", "post and put", "chunks", "left open"] as const);
    const push = {
      whole: () => this.#send("POST", `/v2/${repository}/blobs/uploads/?digest=${digest}`, { body: bytes }),
      "post and put": async () =>
        this.#send("PUT", `${await this.#begin(repository)}?digest=${digest}`, { body: bytes }),
      chunks: () => this.#pushInChunks(repository, bytes, digest),
      "left open": () => this.#leaveOpen(repository, bytes),
    }[way];
    const perform = async (): Promise<void> => {
      if (way !== "left open") this.#blobs.set(key, undefined);
      const response = await push();
      if (way !== "left open") {
        this.#expect(response, 201);
        this.#blobs.set(key, true);
      }
    };
    return [`push ${way}`, key, perform];
  }

  async #pushInChunks(repository: string, bytes: Buffer, digest: Digest): Promise<Response> {
    const location = await this.#begin(repository);
    const half = Math.floor(bytes.length / 2);
    if (half > 0) {
      const range = { "content-range": `0-${half - 1}` };
      this.#expect(await this.#send("PATCH", location, { body: bytes.subarray(0, half), headers: range }), 202);
    }
    const range = { "content-range": `${half}-${bytes.length - 1}` };
    return await this.#send("PUT", `${location}?digest=${digest}`, { body: bytes.subarray(half), headers: range });
  }

  async #leaveOpen(repository: string, bytes: Buffer): Promise<Response> {
    const location = await this.#begin(repository);
    const upload = { repository, location, bytes, acknowledged: 0, isBusy: true };
    this.#uploads.push(upload);
    try {
      const half = Math.max(1, Math.floor(bytes.length / 2));
      const response = await this.#send("PATCH", location, { body: bytes.subarray(0, half) });
      this.#expect(response, 202);
      upload.acknowledged = half;
      return response;
    } finally {
      upload.isBusy = false;
    }
  }

  /** Goes on where an upload stands, whatever was killed meanwhile. */
  async #resume(upload: PendingUpload): Promise<void> {
    upload.isBusy = true;
    const { repository, location, bytes } = upload;
    const digest = digestOf(bytes);
    try {
      const stands = await this.#send("GET", location);
      if (stands.status === 404 && upload.acknowledged === 0) {
        this.#uploads.splice(this.#uploads.indexOf(upload), 1);
        return;
      }
      this.#expect(stands, 204);
      const end = Number(/^0-(\d+)$/.exec(stands.headers.get("range") ?? "")?.[1]);
      const at = end === 0 && upload.acknowledged === 0 ? 0 : end + 1;
      if (at < upload.acknowledged)
        throw new Error(`${location} stands at ${at}, acknowledged were ${upload.acknowledged}`);
      this.#blobs.set(`${repository} ${digest}`, undefined);
      this.#sizes.set(digest, bytes.length);
      this.#uploads.splice(this.#uploads.indexOf(upload), 1);
      const range: Record<string, string> = at < bytes.length ? { "content-range": `${at}-${bytes.length - 1}` } : {};
      const response = await this.#send("PUT", `${location}?digest=${digest}`, {
        body: bytes.subarray(at),
        headers: range,
      });
      // One byte and none look alike in a Range: then the rest does not fit.
      if (response.status === 416 && end === 0) return;
      this.#expect(response, 201);
      this.#blobs.set(`${repository} ${digest}`, true);
    } finally {
      upload.isBusy = false;
    }
  }

  #mount(repository: string): readonly [string, string, () => Promise<void>] | undefined {
    const from = REPOSITORIES.find((name) => name !== repository) ?? "";
    const candidates = this.#heldBlobs(from).filter((digest) => !this.#busy.has(`${repository} ${digest}`));
    if (candidates.length === 0) return undefined;
    const digest = this.#random.pick(candidates);
    const key = `${repository} ${digest}`;
    const perform = async (): Promise<void> => {
      const before = this.#blobs.get(key);
      if (before !== true) this.#blobs.set(key, undefined);
      const response = await this.#send("POST", `/v2/${repository}/blobs/uploads/?mount=${digest}&from=${from}`);
      if (response.status === 202) {
        // It was deleted there meanwhile.
        this.#blobs.set(key, before);
        return;
      }
      this.#expect(response, 201);
      this.#blobs.set(key, true);
    };
    return ["mount", key, perform];
  }

  #manifestPush(
    repository: string,
    held: readonly Digest[],
  ): readonly [string, string, () => Promise<void>] | undefined {
    const random = this.#random;
    const tag = random.pick(TAGS);
    const place = `${repository} ${tag}`;
    if (this.#busy.has(place)) return undefined;
    const describe = (digest: Digest, mediaType: string) => ({
      ...describeBytes("", mediaType),
      digest,
      size: this.#sizes.get(digest) ?? 0,
    });
    const [config, ...layers] = [random.pick(held), random.pick(held), random.pick(held)];
    const manifest = encodeManifest({
      schemaVersion: 2,
      mediaType: "application/vnd.oci.image.manifest.v1+json",
      config: describe(config as Digest, CONFIG),
      layers: layers.map((digest) => describe(digest, LAYER)),
      annotations: { number: String(random.next()) },
    });
    const key = `${repository} ${manifest.digest}`;
    const needed = [config as Digest, ...layers];
    this.#references.set(manifest.digest, needed);
    for (const digest of needed) this.#busy.add(`${repository} ${digest}`);
    const perform = async (): Promise<void> => {
      try {
        this.#manifests.set(key, undefined);
        const before = this.#tags.get(place) ?? new Set([undefined]);
        this.#tags.set(place, new Set([...before, manifest.digest]));
        const headers = { "content-type": manifest.mediaType };
        const path = `/v2/${repository}/manifests/${tag}`;
        this.#expect(await this.#send("PUT", path, { body: Buffer.from(manifest.bytes), headers }), 201);
        this.#manifests.set(key, true);
        this.#tags.set(place, new Set([manifest.digest]));
      } finally {
        for (const digest of needed) this.#busy.delete(`${repository} ${digest}`);
      }
    };
    return ["push manifest", place, perform];
  }

  #deletion(repository: string): readonly [string, string, () => Promise<void>] | undefined {
    const random = this.#random;
    // Nobody pushes a tag of the repository meanwhile: what it points at would be anybody's guess.
    if (TAGS.some((tag) => this.#busy.has(`${repository} ${tag}`))) return undefined;
    const manifests = [...this.#manifests].filter(
      ([key, known]) => known === true && key.startsWith(`${repository} `) && !this.#busy.has(key),
    );
    const tag = random.pick(TAGS);
    const place = `${repository} ${tag}`;
    if (random.chance(0.5) || manifests.length === 0) {
      const pointsAt = this.#tags.get(place);
      if (pointsAt === undefined || pointsAt.has(undefined)) return undefined;
      return ["delete tag", place, () => this.#deleteTag(place, `/v2/${repository}/manifests/${tag}`)];
    }
    const [key] = random.pick(manifests);
    for (const one of TAGS) this.#busy.add(`${repository} ${one}`);
    return ["delete manifest", key, () => this.#deleteManifest(repository, key.split(" ")[1] ?? "")];
  }

  async #deleteTag(place: string, path: string): Promise<void> {
    this.#tags.set(place, new Set([...(this.#tags.get(place) ?? []), undefined]));
    this.#expect(await this.#send("DELETE", path), 202);
    this.#tags.set(place, new Set([undefined]));
  }

  async #deleteManifest(repository: string, digest: string): Promise<void> {
    const places = TAGS.map((tag) => `${repository} ${tag}`);
    try {
      const pointing = places.filter((place) => this.#tags.get(place)?.has(digest));
      this.#manifests.set(`${repository} ${digest}`, undefined);
      for (const place of pointing) this.#tags.set(place, new Set([...(this.#tags.get(place) ?? []), undefined]));
      this.#expect(await this.#send("DELETE", `/v2/${repository}/manifests/${digest}`), 202);
      this.#manifests.set(`${repository} ${digest}`, false);
      for (const place of pointing) {
        const rest = [...(this.#tags.get(place) ?? [])].filter((one) => one !== digest);
        this.#tags.set(place, new Set(rest));
      }
    } finally {
      for (const place of places) this.#busy.delete(place);
    }
  }

  async #deleteBlob(repository: string, digest: Digest): Promise<void> {
    this.#blobs.set(`${repository} ${digest}`, undefined);
    this.#expect(await this.#send("DELETE", `/v2/${repository}/blobs/${digest}`), 202);
    this.#blobs.set(`${repository} ${digest}`, false);
  }

  async #begin(repository: string): Promise<string> {
    const response = await this.#send("POST", `/v2/${repository}/blobs/uploads/`);
    this.#expect(response, 202);
    return response.headers.get("location") ?? "";
  }

  async #send(
    method: string,
    path: string,
    options: { readonly body?: Buffer; readonly headers?: Record<string, string> } = {},
  ): Promise<Response> {
    try {
      const response = await fetch(`${this.#registry.url}${path}`, { method, ...options });
      return new Response(response.status === 204 ? null : await response.arrayBuffer(), response);
    } catch {
      throw new BrokenOff();
    }
  }

  #expect(response: Response, status: number): void {
    if (response.status === status) return;
    throw new Error(`${status} was expected, and ${response.status} came at ${response.url}`);
  }

  // ---- what is compared

  async #check(): Promise<void> {
    for (const [key, known] of this.#blobs) await this.#settle(this.#blobs, key, { known, kind: "blobs" });
    for (const [key, known] of this.#manifests) await this.#settle(this.#manifests, key, { known, kind: "manifests" });
    for (const [place, allowed] of this.#tags) {
      const [repository, tag] = place.split(" ");
      const response = await this.#send("GET", `/v2/${repository}/manifests/${tag}`);
      const found = response.status === 404 ? undefined : (response.headers.get("docker-content-digest") ?? "");
      if (!allowed.has(found)) throw new Error(`tag ${place} points at ${found}, not at ${[...allowed].join(" or ")}`);
      this.#tags.set(place, new Set([found]));
    }
    await takeStoreCensus(this.#registry.root, { isCollected: false });
  }

  async #settle(
    all: Map<string, Known>,
    key: string,
    { known, kind }: { readonly known: Known; readonly kind: "blobs" | "manifests" },
  ): Promise<void> {
    const [repository, digest = ""] = key.split(" ");
    const response = await this.#send("GET", `/v2/${repository}/${kind}/${digest}`);
    const isThere = response.status === 200;
    if (!isThere) this.#expect(response, 404);
    if (known !== undefined && known !== isThere) {
      throw new Error(`${kind} ${key} is ${isThere ? "there" : "gone"}, which nobody asked for`);
    }
    if (isThere) {
      const algorithm = digest.startsWith("sha512") ? "sha512" : "sha256";
      const actual = digestOf(Buffer.from(await response.arrayBuffer()), algorithm);
      if (actual !== digest) throw new Error(`${kind} ${key} hashes to ${actual}`);
    }
    if (isThere) all.set(key, true);
    else all.delete(key);
  }
}
