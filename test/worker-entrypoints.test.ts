import { expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { WORKER_ENTRYPOINTS } from "../scripts/worker-entrypoints.ts";

const root = join(import.meta.dir, "..");

test("every file that code starts a thread from is there, and is packaged", () => {
  const started = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts") && !name.endsWith(".test.ts"))
    .flatMap((name) => [...readFileSync(join(root, "src", name), "utf8").matchAll(/"(src\/[\w./-]+-worker\.ts)"/g)])
    .map(([, path = ""]) => path);
  expect(started.filter((path) => !existsSync(join(root, path)))).toEqual([]);
  expect(started.toSorted()).toEqual([...WORKER_ENTRYPOINTS].toSorted());
});
