import { afterEach, beforeEach, expect, test } from "bun:test";
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TokenKeys } from "./token-keys.ts";

let folder: string;
let path: string;
let nowMs: number;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "gantry-keys-"));
  path = join(folder, "deep", "token-keys.json");
  nowMs = 0;
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

test("a key is made once, however many ask, and is there after a restart", async () => {
  const keys = await TokenKeys.open(path, () => nowMs);
  const made = await Promise.all(Array.from({ length: 10 }, () => keys.current()));
  expect(new Set(made.map(({ id }) => id)).size).toBe(1);
  chmodSync(path, 0o644);
  const again = await TokenKeys.open(path, () => nowMs);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect((await again.current()).id).toBe(made[0]?.id ?? "");
  expect(again.find(made[0]?.id ?? "")).toBeDefined();
});

test("every thirty days another key signs; the one before is known on, the one before that is not", async () => {
  const keys = await TokenKeys.open(path, () => nowMs);
  const ids: string[] = [];
  for (let round = 0; round < 3; round += 1) {
    ids.push((await keys.current()).id);
    nowMs += 30 * 86_400_000;
  }
  expect(new Set(ids).size).toBe(3);
  expect(ids.map((id) => keys.find(id) !== undefined)).toEqual([false, true, true]);
  expect((JSON.parse(readFileSync(path, "utf8")) as { keys: unknown[] }).keys).toHaveLength(2);
});

test.each([
  "",
  "{}",
  '{"keys":[{"id":"x","createdMs":0,"jwk":{"kty":"oct","k":"AAAA"}}]}',
  '{"keys":[null]}',
  "nonsense",
])("a damaged file is told of: %p", async (text) => {
  path = join(folder, "token-keys.json");
  writeFileSync(path, text);
  await expect(TokenKeys.open(path, () => nowMs)).rejects.toMatchObject({ code: "data-loss" });
});
