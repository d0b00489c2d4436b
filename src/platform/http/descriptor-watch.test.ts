import { expect, test } from "bun:test";
import { descriptorLimit, hasSpareDescriptors } from "../spare-descriptors.ts";
import { planDescriptors } from "./descriptor-watch.ts";

test("of few descriptors a quarter is kept free, of many 64, and a request has three of the rest", () => {
  expect([32, 64, 256, 1024, 20_000].map(planDescriptors)).toEqual([
    { spare: 16, requests: 1 },
    { spare: 16, requests: 10 },
    { spare: 32, requests: 69 },
    { spare: 64, requests: 314 },
    { spare: 64, requests: 6640 },
  ]);
});

test("descriptors are counted by the kernel's own limit", () => {
  expect(hasSpareDescriptors(16)).toBe(true);
  expect(descriptorLimit()).toBeGreaterThan(16);
});
