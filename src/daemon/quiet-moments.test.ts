import { expect, test } from "bun:test";
import { QuietMoments } from "./quiet-moments.ts";

test("a quiet moment is told of once, however much happened before it, and again after the next stir", async () => {
  let tell = Promise.withResolvers<void>();
  let count = 0;
  using moments = new QuietMoments(
    () => {
      count++;
      tell.resolve();
    },
    { quietMs: 20 },
  );
  for (let times = 0; times < 100; times++) moments.stir();
  await tell.promise;
  expect(count).toBe(1);
  tell = Promise.withResolvers();
  moments.stir();
  await tell.promise;
  expect(count).toBe(2);
});
