import { expect, test } from "bun:test";
import { GantryError } from "../../errors/gantry-error.ts";
import { S3Error } from "../../s3/s3-error.ts";
import { BucketAlarm } from "./bucket-alarm.ts";

test("the operator hears of one failure of the bucket a minute, and of nothing else", () => {
  let timeMs = 0;
  const warnings: string[] = [];
  const alarm = new BucketAlarm({ nowMs: () => timeMs, warn: (sentence) => void warnings.push(sentence) });
  const raise = (failure: Error): void => expect(() => alarm.raise(failure)).toThrow(failure);
  const denied = (key: string): S3Error => new S3Error({ doing: `cannot store ${key}`, bucket: "images", status: 500 });
  raise(new GantryError("data-loss", "damaged"));
  for (const [key, laterMs] of [
    ["a", 0],
    ["b", 59_999],
    ["c", 1],
  ] as const) {
    timeMs += laterMs;
    raise(denied(key));
  }
  expect(warnings).toEqual(
    ["a", "c"].map((key) => `clients are told 503: cannot store ${key} in the bucket images: it answered 500`),
  );
});
