import { expect, test } from "bun:test";
import { Gathering } from "./gathering.ts";

test("is complete when all are there, whoever comes first", async () => {
  const gathering = new Gathering();
  gathering.join("a");
  let isComplete = false;
  const complete = gathering.complete("a", 2).then(() => {
    isComplete = true;
  });
  gathering.join("b");
  await Promise.resolve();
  expect(isComplete).toBe(false);
  gathering.join("a");
  await complete;
  gathering.join("b");
  await gathering.complete("b", 2);
});

test("who gives up is told, and nothing of it is kept", async () => {
  const gathering = new Gathering();
  const gone = new AbortController();
  const complete = gathering.complete("a", 1, gone.signal);
  gone.abort();
  await expect(complete).rejects.toMatchObject({ code: "cancelled" });
});

test("names without end are refused", () => {
  const gathering = new Gathering();
  for (let index = 0; index < 16; index++) gathering.join(String(index));
  expect(() => gathering.join("one more")).toThrow(/too many calls/);
  gathering.join("3");
});
