import type { Digest } from "../../../oci/digest.ts";
import type { Steps } from "../../../platform/in-turns.ts";
import type { ObservedManifest, ObservedRepository, ObservedTag } from "./observed-repository.ts";

/** Tags that say by their name what they are about: cosign's `sha256-HEX.sig`, and the specification's referrers tag schema. */
const COMPANION_TAG = /^(sha256|sha512)-([0-9a-f]{64}|[0-9a-f]{128})(?:\..*)?$/;

/** The digest that the tag's name is about, or undefined for an ordinary tag. */
export function subjectOfTag(tag: string): Digest | undefined {
  if (!tag.startsWith("sha")) return undefined;
  const [, algorithm, hex] = COMPANION_TAG.exec(tag) ?? [];
  return algorithm === undefined ? undefined : (`${algorithm}:${hex}` as Digest);
}

/** What a repository's manifests have to do with each other. A follower stays while one of its leaders does. */
export class ManifestGraph {
  readonly #manifests = new Map<Digest, ObservedManifest>();
  /** Tags that people gave. */
  readonly #tags = new Map<Digest, ObservedTag[]>();
  /** Tags of what is said about another manifest, which is there. */
  readonly #companionTags = new Map<Digest, ObservedTag[]>();
  /** The same tags by what they are about. */
  readonly #tagsAbout = new Map<Digest, ObservedTag[]>();
  readonly #followers = new Map<Digest, Set<Digest>>();
  readonly #leaders = new Map<Digest, Set<Digest>>();

  private constructor() {}

  static *of({ manifests, tags }: ObservedRepository): Steps<ManifestGraph> {
    const graph = new ManifestGraph();
    for (const manifest of manifests) {
      graph.#manifests.set(manifest.digest, manifest);
      yield;
    }
    for (const { digest, children, subject } of manifests) {
      for (const child of children) graph.#follow(child, digest);
      if (subject !== undefined) graph.#follow(digest, subject);
      yield;
    }
    for (const tag of tags) {
      graph.#addTag(tag);
      yield;
    }
    return graph;
  }

  #addTag(tag: ObservedTag): void {
    const subject = subjectOfTag(tag.tag);
    const isCompanion = subject !== undefined && subject !== tag.digest && this.#manifests.has(subject);
    if (isCompanion) {
      this.#follow(tag.digest, subject);
      push(this.#tagsAbout, subject, tag);
    }
    push(isCompanion ? this.#companionTags : this.#tags, tag.digest, tag);
  }

  #follow(follower: Digest, leader: Digest): void {
    if (follower === leader || !this.#manifests.has(follower) || !this.#manifests.has(leader)) return;
    add(this.#followers, leader, follower);
    add(this.#leaders, follower, leader);
  }

  get(digest: Digest): ObservedManifest | undefined {
    return this.#manifests.get(digest);
  }

  /** The tags that people gave a manifest. */
  tags(digest: Digest): readonly ObservedTag[] {
    return this.#tags.get(digest) ?? [];
  }

  /** The tags that make a manifest something said about another one, which is there. */
  companionTags(digest: Digest): readonly ObservedTag[] {
    return this.#companionTags.get(digest) ?? [];
  }

  /** The tags of what is said about a manifest. */
  tagsAbout(digest: Digest): readonly ObservedTag[] {
    return this.#tagsAbout.get(digest) ?? [];
  }

  /** True for a tag that says what it is about, and that is there. */
  isCompanion({ tag, digest }: ObservedTag): boolean {
    const subject = subjectOfTag(tag);
    return subject !== undefined && subject !== digest && this.#manifests.has(subject);
  }

  /** Entries of the index, and what is said about the manifest. */
  followers(digest: Digest): ReadonlySet<Digest> {
    return this.#followers.get(digest) ?? NONE;
  }

  /** Indexes that name the manifest, and what it is about. */
  leaders(digest: Digest): ReadonlySet<Digest> {
    return this.#leaders.get(digest) ?? NONE;
  }

  /** The start, and all that follows it. */
  withFollowers(start: Iterable<Digest>): Steps<ReadonlySet<Digest>> {
    return spread(start, (digest) => this.followers(digest));
  }

  /** The start, and all that it follows. */
  withLeaders(start: Iterable<Digest>): Steps<ReadonlySet<Digest>> {
    return spread(start, (digest) => this.leaders(digest));
  }

  /** Those of `among` that hang together, each with its leaders before it. */
  *groups(among: ReadonlySet<Digest>): Steps<readonly (readonly Digest[])[]> {
    const seen = new Set<Digest>();
    const groups: Digest[][] = [];
    for (const start of among) {
      yield;
      if (seen.has(start)) continue;
      const group = yield* spread([start], (digest) => this.#nextTo(digest, among));
      for (const digest of group) seen.add(digest);
      groups.push(this.#leadersFirst(group));
    }
    return groups;
  }

  *#nextTo(digest: Digest, among: ReadonlySet<Digest>): Generator<Digest> {
    for (const follower of this.followers(digest)) if (among.has(follower)) yield follower;
    for (const leader of this.leaders(digest)) if (among.has(leader)) yield leader;
  }

  #leadersFirst(group: ReadonlySet<Digest>): Digest[] {
    if (group.size === 1) return [...group];
    const missing = new Map([...group].map((digest) => [digest, count(this.leaders(digest), group)]));
    const ready = [...group].filter((digest) => missing.get(digest) === 0).sort();
    for (let next = 0; next < ready.length; next++) {
      for (const follower of [...this.followers(ready[next] as Digest)].sort()) {
        const left = (missing.get(follower) ?? 0) - 1;
        missing.set(follower, left);
        if (left === 0) ready.push(follower);
      }
    }
    // Names of tags, unlike digests, can make a circle of what is about what: its order does not matter then.
    const circle = [...group].filter((digest) => (missing.get(digest) ?? 0) > 0);
    return [...ready, ...circle.sort()];
  }
}

const NONE: ReadonlySet<Digest> = new Set();

function add(map: Map<Digest, Set<Digest>>, key: Digest, value: Digest): void {
  const values = map.get(key) ?? new Set();
  map.set(key, values.add(value));
}

function push(map: Map<Digest, ObservedTag[]>, key: Digest, tag: ObservedTag): void {
  const tags = map.get(key);
  if (tags === undefined) map.set(key, [tag]);
  else tags.push(tag);
}

function count(digests: ReadonlySet<Digest>, among: ReadonlySet<Digest>): number {
  return [...digests].filter((digest) => among.has(digest)).length;
}

function* spread(start: Iterable<Digest>, next: (digest: Digest) => Iterable<Digest>): Steps<ReadonlySet<Digest>> {
  const reached = new Set<Digest>();
  for (const digest of start) {
    reached.add(digest);
    yield;
  }
  // A set is iterated over what is added meanwhile, too.
  for (const digest of reached) {
    for (const other of next(digest)) reached.add(other);
    yield;
  }
  return reached;
}
