import { describe, test } from "bun:test";
import { crash, crashSkipReason } from "../crash/crash.ts";

const skip = crashSkipReason();
if (skip !== undefined) console.log(`skipped: ${skip}`);

describe.skipIf(skip !== undefined)("a daemon that is killed at any moment", () => {
  const seed = Number(process.env.GANTRY_CRASH_SEED ?? Date.now() % 1_000_000_000);
  test(`loses nothing and leaves nothing over (GANTRY_CRASH_SEED=${seed})`, async () => {
    await crash(20, seed);
  });
});
