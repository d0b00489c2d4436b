import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { Digest } from "../../../oci/digest.ts";
import type { Steps } from "../../../platform/in-turns.ts";
import type { RepositoryName, Tag } from "../../repositories/repository-name.ts";
import { formatDeletion } from "./format-deletion.ts";
import type { ObservedManifest, ObservedRepository, ObservedTag } from "./observed-repository.ts";
import { parseRetention } from "./parse-retention.ts";
import { type Deletion, planRetention } from "./plan-retention.ts";
import type { RetentionRule } from "./retention-rule.ts";

const DAY_MS = 86_400_000;
const NOW_MS = 1000 * DAY_MS;
const TIMES = { nowMs: NOW_MS, graceMs: 3_600_000 };

/** A digest that is short to read: its hex is the name and zeros. */
function digest(name: string): Digest {
  return `sha256:${Buffer.from(name).toString("hex").padEnd(64, "0")}` as Digest;
}

function manifest(
  name: string,
  days: number,
  more: { readonly children?: readonly string[]; readonly subject?: string; readonly pulledDays?: number } = {},
): ObservedManifest {
  return {
    digest: digest(name),
    pushedMs: NOW_MS - days * DAY_MS,
    children: (more.children ?? []).map(digest),
    ...(more.subject === undefined ? {} : { subject: digest(more.subject) }),
    ...(more.pulledDays === undefined ? {} : { pulledMs: NOW_MS - more.pulledDays * DAY_MS }),
  };
}

function tag(name: string, of: string, days: number): ObservedTag {
  return { tag: name as Tag, digest: digest(of), taggedMs: NOW_MS - days * DAY_MS };
}

function rules(...tables: readonly unknown[]): readonly RetentionRule[] {
  const problems: string[] = [];
  const parsed = parseRetention(tables, problems);
  expect(problems).toEqual([]);
  return parsed;
}

/** All steps at once. */
function whole<T>(work: Steps<T>): T {
  for (;;) {
    const step = work.next();
    if (step.done === true) return step.value;
  }
}

function plan(rule: unknown, manifests: readonly ObservedManifest[], tags: readonly ObservedTag[]): readonly string[] {
  const observed = { repository: "team/app" as RepositoryName, manifests, tags };
  return whole(planRetention(rules(rule), observed, TIMES)).map((deletion) =>
    formatDeletion(deletion).replaceAll(/sha256:(?:[0-9a-f]{2})+/g, (text) =>
      Buffer.from(text.slice(7), "hex").toString().replaceAll("\0", ""),
    ),
  );
}

describe("planRetention", () => {
  test("keeps the newest tags, those that a pattern names, and those that were pulled lately", () => {
    const names = ["one", "two", "three", "four", "five"];
    const manifests = names.map((name, index) => manifest(name, 100 - index, name === "one" ? { pulledDays: 3 } : {}));
    const tags = [...names.map((name, index) => tag(name, name, 100 - index)), tag("v1", "two", 100)];
    const rule = { repositories: "team/*", keep: ["v*"], "keep-tags": 1, "keep-pulled-within": "30d" };
    expect(plan(rule, manifests, tags)).toEqual([
      "untag   team/app:two  not among the 1 newest, not pulled within 30d (retention[0])",
      "untag   team/app:three  not among the 1 newest, not pulled within 30d (retention[0])",
      "delete  team/app@three  no tag names it any more",
      "untag   team/app:four  not among the 1 newest, not pulled within 30d (retention[0])",
      "delete  team/app@four  no tag names it any more",
    ]);
  });

  test("what is said about a manifest that goes is said no more, though what says it stays for the sake of others", () => {
    const manifests = [manifest("old", 90), manifest("note", 80), manifest("index", 10, { children: ["note"] })];
    const about = `sha256-${digest("old").slice("sha256:".length)}.note`;
    const tags = [tag("latest", "index", 10), tag(about, "note", 80)];
    const rule = { repositories: "team/*", "delete-untagged-after": "30d" };
    expect(plan(rule, manifests, tags).map((line) => line.replace(/sha256-[0-9a-f]+/, "sha256-old"))).toEqual([
      "untag   team/app:sha256-old.note  untagged and unused for 30d (retention[0])",
      "delete  team/app@old  untagged and unused for 30d (retention[0])",
    ]);
  });

  test("an index goes with its entries and with what is said about them, what others need stays", () => {
    const manifests = [
      manifest("old", 90, { children: ["amd64", "shared"] }),
      manifest("new", 10, { children: ["arm64", "shared"] }),
      manifest("amd64", 90),
      manifest("arm64", 10),
      manifest("shared", 90),
      manifest("sbom", 90, { subject: "amd64" }),
      manifest("signed-sbom", 90, { subject: "sbom" }),
      manifest("sbom-of-shared", 90, { subject: "shared" }),
    ];
    const tags = [tag("old", "old", 90), tag("new", "new", 10)];
    expect(plan({ repositories: "**", "keep-tags": 1 }, manifests, tags)).toEqual([
      "untag   team/app:old  not among the 1 newest (retention[0])",
      "delete  team/app@old  no tag names it any more",
      "delete  team/app@amd64  goes with old",
      "delete  team/app@sbom  goes with amd64",
      "delete  team/app@signed-sbom  goes with sbom",
    ]);
  });

  test("cosign's tags count with the image that they are about: neither as versions, nor do they outlive it", () => {
    const signature = (of: string): string => `sha256-${digest(of).slice(7)}.sig`;
    const manifests = [manifest("old", 90), manifest("new", 80), manifest("sig-old", 1), manifest("sig-new", 1)];
    const tags = [
      tag("1", "old", 90),
      tag("2", "new", 80),
      tag(signature("old"), "sig-old", 1),
      tag(signature("new"), "sig-new", 1),
      tag(signature("absent"), "sig-new", 1),
    ];
    const lines = plan({ repositories: "**", "keep-tags": 1, "delete-untagged-after": "1w" }, manifests, tags);
    expect(lines).toEqual([
      "untag   team/app:1  not among the 1 newest (retention[0])",
      "delete  team/app@old  no tag names it any more",
      `untag   team/app:${signature("old")}  goes with old`,
      "delete  team/app@sig-old  goes with old",
    ]);
  });

  test("what no tag names goes when it was neither used nor released for long enough", () => {
    const manifests = [
      manifest("old", 9),
      manifest("pulled", 9, { pulledDays: 2 }),
      { ...manifest("released", 9), releasedMs: NOW_MS - DAY_MS },
      manifest("fresh", 2),
      manifest("tagged", 9),
      manifest("referrer-of-gone", 9, { subject: "gone" }),
    ];
    expect(plan({ repositories: "**", "delete-untagged-after": "7d" }, manifests, [tag("t", "tagged", 9)])).toEqual([
      "delete  team/app@old  untagged and unused for 1w (retention[0])",
      "delete  team/app@referrer-of-gone  untagged and unused for 1w (retention[0])",
    ]);
  });

  test("what was used within the grace period stays, and the index that names it", () => {
    const manifests = [manifest("index", 9, { children: ["entry"] }), manifest("entry", 9, { pulledDays: 0 })];
    expect(plan({ repositories: "**", "keep-tags": 0 }, manifests, [tag("t", "index", 9)])).toEqual([]);
  });

  test("the first rule that matches holds, and repositories without one are left alone", () => {
    const two = rules(
      { repositories: ["keep/**"], "delete-untagged-after": "1s" },
      { repositories: "*/app", "keep-tags": 0 },
    );
    const of = (repository: string): ObservedRepository => ({
      repository: repository as RepositoryName,
      manifests: [manifest("m", 9)],
      tags: [tag("t", "m", 9)],
    });
    const planned = ["keep/app", "team/app", "team/sub/app"].flatMap((name) =>
      whole(planRetention(two, of(name), TIMES)),
    );
    expect([...new Set(planned.map((deletion) => deletion.repository))]).toEqual(["team/app" as RepositoryName]);
  });
});

test("no step of a plan looks at many tags or manifests, however many there are", () => {
  const names = Array.from({ length: 500 }, (_, index) => `m${index}`);
  let looks = 0;
  const counted = <T extends object>(item: T): T => {
    const get = (target: T, key: string | symbol): unknown => {
      looks += 1;
      return Reflect.get(target, key);
    };
    return new Proxy(item, { get });
  };
  const observed = {
    repository: "team/app" as RepositoryName,
    manifests: names.map((name, index) => counted(manifest(name, 9 + (index % 3)))),
    tags: names.map((name, index) => counted(tag(name, name, 9 + (index % 7)))),
  };
  const work = planRetention(rules({ repositories: "**", keep: ["m1*"], "keep-tags": 50 }), observed, TIMES);
  let most = 0;
  for (let step = work.next(); step.done !== true; step = work.next()) {
    most = Math.max(most, looks);
    looks = 0;
  }
  expect(most).toBeLessThan(20);
});

const NAMES = ["a", "b", "c", "d", "e", "f", "g", "h"];

/** Manifests that refer only to earlier ones, as hashes make it. */
const repositories: fc.Arbitrary<ObservedRepository> = fc
  .array(
    fc.record({
      days: fc.double({ min: 0, max: 40, noNaN: true }),
      pulledDays: fc.option(fc.nat(40), { nil: undefined }),
      children: fc.subarray(NAMES),
      subject: fc.option(fc.constantFrom(...NAMES, "gone"), { nil: undefined }),
    }),
    { minLength: NAMES.length, maxLength: NAMES.length },
  )
  .chain((shapes) =>
    fc
      .array(
        fc.record({
          of: fc.constantFrom(...NAMES),
          about: fc.option(fc.constantFrom(...NAMES, "gone")),
          days: fc.nat(40),
        }),
      )
      .map((tags) => ({
        repository: "r" as RepositoryName,
        manifests: shapes.map(({ days, children, subject, pulledDays }, index) => {
          const earlier = NAMES.slice(0, index);
          return manifest(NAMES[index] as string, days, {
            children: children.filter((name) => earlier.includes(name)),
            ...(subject !== undefined && (subject === "gone" || earlier.includes(subject)) ? { subject } : {}),
            ...(pulledDays === undefined ? {} : { pulledDays }),
          });
        }),
        tags: tags.map(({ of, about, days }, index) =>
          tag(about === null ? `t${index}` : `sha256-${digest(about).slice(7)}.s${index}`, of, days),
        ),
      })),
  );

const anyRules = fc
  .record(
    {
      repositories: fc.constant("**"),
      keep: fc.constant(["t1", "t3*"]),
      "keep-tags": fc.nat(4),
      "keep-pulled-within": fc.nat(40).map((days) => `${days}d`),
      "keep-pushed-within": fc.nat(40).map((days) => `${days}d`),
      "delete-untagged-after": fc.nat(40).map((days) => `${days}d`),
    },
    { requiredKeys: ["repositories", "keep-tags"] },
  )
  .map((rule) => rules(rule));

function isKept(deleted: ReadonlySet<string>, item: ObservedTag): boolean {
  return !deleted.has(item.tag);
}

function without(observed: ObservedRepository, plan: readonly Deletion[]): ObservedRepository {
  const gone = new Set(plan.map((deletion) => (deletion.kind === "tag" ? deletion.tag : deletion.digest)) as string[]);
  return {
    ...observed,
    manifests: observed.manifests.filter((item) => !gone.has(item.digest)),
    tags: observed.tags.filter((item) => isKept(gone, item)),
  };
}

describe("planRetention, whatever is there", () => {
  test("no tag that stays loses anything that it reaches, and the order is safe at every moment", () => {
    fc.assert(
      fc.property(repositories, anyRules, (observed, rule) => {
        const deletions = whole(planRetention(rule, observed, TIMES));
        let now = observed;
        for (const deletion of deletions) {
          now = without(now, [deletion]);
          if (deletion.kind === "tag") continue;
          const held = new Set(now.manifests.map((item) => item.digest));
          const gone = observed.manifests.find((item) => item.digest === deletion.digest);
          // No tag and no index names it any more, and what it is about went before.
          expect(now.tags.filter((item) => item.digest === deletion.digest)).toEqual([]);
          expect(now.manifests.filter((item) => item.children.includes(deletion.digest))).toEqual([]);
          expect(gone?.subject !== undefined && held.has(gone.subject)).toBe(false);
        }
      }),
      { numRuns: 2000 },
    );
  });

  test("a plan that was carried out leaves nothing to do", () => {
    fc.assert(
      fc.property(repositories, anyRules, (observed, rule) => {
        const after = without(observed, whole(planRetention(rule, observed, TIMES)));
        expect(whole(planRetention(rule, after, TIMES))).toEqual([]);
      }),
      { numRuns: 2000 },
    );
  });
});
