import { describe, test } from "bun:test";
import { crashRegistry } from "../crash/registry-crash.ts";

describe("a registry that is killed at any moment", () => {
  const seed = Number(process.env.GANTRY_CRASH_SEED ?? Date.now() % 1_000_000_000);
  test(`loses nothing that was acknowledged, and nothing unneeded stays (GANTRY_CRASH_SEED=${seed})`, async () => {
    await crashRegistry(12, seed);
  });
});
