import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Digest } from "../../oci/digest.ts";
import { digestOf } from "../../oci/hash-digest.ts";
import { State } from "../../state/state.ts";
import { ContentStore } from "../content-store.ts";
import { CONTENT_MIGRATIONS } from "../migrations.ts";
import { Pace } from "./pace.ts";
import { type Damage, type RepairBlob, Scrubber, type ScrubOptions } from "./scrubber.ts";

const scratch = mkdtempSync(join(tmpdir(), "gantry-scrub-"));
afterAll(() => rmSync(scratch, { recursive: true }));

function open(options: { readonly at?: string; readonly repair?: RepairBlob } = {}) {
  const { at = mkdtempSync(join(scratch, "s")), repair } = options;
  const state = State.open(join(at, "state.db"), { migrations: CONTENT_MIGRATIONS, now: () => 5000 });
  const content = ContentStore.open({ directory: at, state });
  const neededBy = (digest: Digest): readonly string[] => content.reachability.namesAbove(digest);
  const scrubber = new Scrubber({ state, content, neededBy, ...(repair === undefined ? {} : { repair }) });
  return { at, state, content, scrubber };
}

async function scrub(scrubber: Scrubber, options: Partial<ScrubOptions> = {}): Promise<readonly Damage[]> {
  const damages: Damage[] = [];
  await scrubber.run({ bytesPerSecond: 0, onDamage: (damage) => damages.push(damage), ...options });
  return damages;
}

describe("Scrubber", () => {
  test("what is whole stays; what was damaged is taken away, and kept to be looked at", async () => {
    const { at, content, scrubber } = open();
    for (const text of ["whole", "flipped", "cut off", "lost"]) await content.put(text);
    content.graph.addReferences(digestOf("whole"), [digestOf("flipped")]);
    content.names.set("docker.io/library/a:1", { digest: digestOf("whole"), mediaType: "m" });
    writeFileSync(content.path(digestOf("flipped")), "flopped");
    truncateSync(content.path(digestOf("cut off")), 3);
    rmSync(content.path(digestOf("lost")));
    const damages = await scrub(scrubber);
    expect(damages.toSorted((a, b) => a.finding.localeCompare(b.finding))).toEqual([
      {
        digest: digestOf("cut off"),
        finding: `its 3 of 7 bytes hash to ${digestOf("cut")}`,
        neededBy: [],
        isRepaired: false,
      },
      {
        digest: digestOf("flipped"),
        finding: `its 7 of 7 bytes hash to ${digestOf("flopped")}`,
        neededBy: ["docker.io/library/a:1"],
        isRepaired: false,
      },
      { digest: digestOf("lost"), finding: "its file is missing", neededBy: [], isRepaired: false },
    ]);
    expect(["whole", "flipped", "cut off", "lost"].map((text) => content.has(digestOf(text)))).toEqual([
      true,
      false,
      false,
      false,
    ]);
    const kept = readdirSync(join(at, "quarantine")).map((name) => readFileSync(join(at, "quarantine", name), "utf8"));
    expect(kept.sort()).toEqual(["cut", "flopped"]);
    // What it referred to, and what needs it, is as before: stored again, all is well.
    await content.put("flipped");
    expect(
      content.quarantine
        .list()
        .map(({ isMended }) => isMended)
        .filter(Boolean),
    ).toHaveLength(1);
    expect(await scrub(scrubber)).toEqual([]);
    await content.quarantine.forget(5001);
    expect([content.quarantine.list(), readdirSync(join(at, "quarantine"))]).toEqual([[], []]);
  });

  test("a blob that can be had again is repaired, and nothing else is taken for it", async () => {
    const answers = new Map([
      [digestOf("good"), "good"],
      [digestOf("bad"), "evil"],
    ]);
    const repair: RepairBlob = async (digest) => {
      const answer = answers.get(digest);
      return answer === undefined ? undefined : new Blob([answer]).stream();
    };
    const { at, content, scrubber } = open({ repair });
    for (const text of ["good", "bad", "gone"]) {
      await content.put(text);
      writeFileSync(content.path(digestOf(text)), "rotten");
    }
    const problems: string[] = [];
    const damages = await scrub(scrubber, { onProblem: (sentence) => problems.push(sentence) });
    expect(new Map(damages.map(({ digest, isRepaired }) => [digest, isRepaired]))).toEqual(
      new Map([
        [digestOf("good"), true],
        [digestOf("bad"), false],
        [digestOf("gone"), false],
      ]),
    );
    expect(problems).toEqual([expect.stringContaining(`cannot repair ${digestOf("bad")}`)]);
    expect(Buffer.from(await content.read(digestOf("good"), { maxBytes: 9 })).toString()).toBe("good");
    expect([content.has(digestOf("bad")), content.has(digestOf("gone"))]).toEqual([false, false]);
    expect(readdirSync(join(at, "ingest"))).toEqual([]);
  });

  test("a pass that was ended goes on where it stood, in another process too", async () => {
    const { at, state, content, scrubber } = open();
    const texts = Array.from({ length: 20 }, (_, index) => `blob ${index}`);
    for (const text of texts) await content.put(text);
    const ended = new AbortController();
    let blobs = 0;
    const onProgress = (): void => {
      blobs += 1;
      if (blobs === 7) ended.abort();
    };
    await expect(scrub(scrubber, { onProgress, signal: ended.signal })).rejects.toThrow();
    expect(scrubber.standing).toEqual({ finishedMs: undefined, isUnderWay: true });
    await content[Symbol.asyncDispose]();
    state.close();
    const again = open({ at });
    await scrub(again.scrubber, { onProgress });
    expect(blobs).toBe(texts.length);
    expect(again.scrubber.standing).toEqual({ finishedMs: 5000, isUnderWay: false });
  });

  test("files in quarantine that nobody knows are swept when the store opens", async () => {
    const { at, state } = open();
    writeFileSync(join(at, "quarantine", "sha256-0"), "x");
    state.close();
    open({ at });
    expect(readdirSync(join(at, "quarantine"))).toEqual([]);
  });

  test("reads at the rate that was asked for, whatever the sizes", async () => {
    let nowMs = 0;
    const pace = new Pace({
      nowMs: () => nowMs,
      sleep: async (durationMs) => {
        nowMs += durationMs;
      },
    });
    for (let round = 0; round < 100; round++) await pace.read(10_000, 1_000_000);
    expect(nowMs).toBeWithin(990, 1001);
    nowMs += 60_000;
    // Time that went by unused is not made up for.
    for (let round = 0; round < 100; round++) await pace.read(10_000, 1_000_000);
    expect(nowMs).toBeWithin(61_980, 62_002);
  });
});
