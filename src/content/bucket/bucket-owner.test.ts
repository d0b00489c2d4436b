import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { doubleOptions, S3Double } from "../../../test/support/s3-double.ts";
import { formatError, isGantryError } from "../../errors/gantry-error.ts";
import { S3Bucket } from "../../s3/s3-bucket.ts";
import { BucketOwner } from "./bucket-owner.ts";

let server: S3Double;
let owners: AsyncDisposableStack;
let warnings: string[];

beforeEach(() => {
  server = new S3Double();
  owners = new AsyncDisposableStack();
  warnings = [];
});
afterEach(async () => {
  await owners.disposeAsync();
  server[Symbol.dispose]();
});

/** For whoever is to look before anybody gives up, and for whoever is never to look. */
const ASK_MS = 6000;
const LONG_MS = 60_000;

/** A process that has the root, or a copy of it, in a place of its own. */
function processAt(
  place: string,
  {
    id = place,
    lookMs = 5,
    askMs = ASK_MS,
    signal = new AbortController().signal,
  }: { id?: string; lookMs?: number; askMs?: number; signal?: AbortSignal } = {},
) {
  const owner = new BucketOwner({
    bucket: new S3Bucket(doubleOptions(server.endpoint)),
    prefix: "r/",
    id: "root-1",
    holder: { id, place, name: `process ${id}` },
    warn: (sentence) => void warnings.push(`${id} says: ${sentence}`),
    lookMs,
    askMs,
    signal,
  });
  return owners.use(owner);
}

/** One that is killed, or stands still: it answers nobody. */
const deaf = { lookMs: LONG_MS };

async function failure(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  return isGantryError(error) ? `${error.code}: ${formatError(error)}` : String(error);
}

describe("of those who have copies of one root", () => {
  test("who serves goes on, and who comes is refused and hears whom to stop", async () => {
    const first = processAt("A");
    await first.take(false);
    expect(await failure(processAt("B").take(false))).toBe(
      "conflict: process A serves from the bucket images, with a copy of this root (stop that one first: each of two would remove what the other one stores)",
    );
    await first.require();
    expect(warnings).toEqual([
      "B says: process A did not say that it ended: in 6 s it is known whether it still serves from the bucket images",
      "A says: process B wants to serve from the bucket images, with a copy of this root, and is refused",
    ]);
  });

  test("whoever comes once the other has said that it ended has nothing to wait for", async () => {
    const first = processAt("A");
    await first.take(false);
    await first[Symbol.asyncDispose]();
    const second = processAt("B");
    await second.take(true);
    await second.require();
    expect(warnings).toEqual([]);
  });

  test("one takes over from another that was killed, which hears it if it was not", async () => {
    const first = processAt("A", deaf);
    await first.take(false);
    const second = processAt("B", { askMs: 30 });
    await second.take(true);
    await second.require();
    expect(await failure(first.require())).toBe(
      "unavailable: process B has taken the bucket images, with a copy of this root (one of both has to end, and the other one to be started again)",
    );
    await first[Symbol.asyncDispose]();
    await second.require();
  });

  test("whoever finds that another one took over says it once, and leaves the bucket to it", async () => {
    const first = processAt("A");
    await first.take(false);
    const taken = Buffer.from('root-1\n{"id":"B","place":"B","name":"process B","isAsking":false}\n');
    server.objects.set("r/gantry-root", taken);
    while (warnings.length === 0) await Bun.sleep(1);
    expect(warnings).toEqual([
      "A says: process B serves from the bucket images now, with a copy of this root: nothing is stored or removed there any more",
    ]);
    await first[Symbol.asyncDispose]();
    expect(server.objects.get("r/gantry-root")).toEqual(taken);
  });
});

test("a process that was killed is followed at once by the next one in its place, whose lock says that it is gone", async () => {
  await processAt("A", { id: "A1", ...deaf }).take(false);
  const next = processAt("A", { id: "A2" });
  await next.take(true);
  await next.require();
  expect(warnings).toEqual([]);
});

test("one that was killed while it asked has heard no answer: the next one in its place asks again", async () => {
  const first = processAt("A");
  await first.take(false);
  server.objects.set(
    "r/gantry-root",
    Buffer.from('root-1\n{"id":"B1","place":"B","name":"process B1","isAsking":true}\n'),
  );
  expect(await failure(processAt("B", { id: "B2" }).take(false))).toContain("conflict: process A serves");
});

test("who is ended while it asks does not wait for the answer, and the one that serves goes on", async () => {
  const first = processAt("A");
  await first.take(false);
  const ends = new AbortController();
  const taking = failure(processAt("B", { askMs: LONG_MS, signal: ends.signal }).take(false));
  while (warnings.length === 0) await Bun.sleep(1);
  ends.abort();
  expect(await taking).toContain("cancelled: ended before it was known whether process A still serves");
  await first.require();
});

test("a bucket that is away keeps nobody from ending", async () => {
  const first = processAt("A");
  await first.take(false);
  server.fail({ at: /./, times: 999, fault: { kind: "refuse", status: 503, code: "SlowDown" } });
  await first[Symbol.asyncDispose]();
});
