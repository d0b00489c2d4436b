import { afterAll, beforeAll, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { formatError } from "../../errors/gantry-error.ts";
import { loadRequirements } from "./load-requirements.ts";
import type { RequirementSource } from "./trust-policy.ts";

const folder = mkdtempSync(join(tmpdir(), "gantry-requirements-"));
beforeAll(() => void spawnSync("mkfifo", [join(folder, "pipe")]));
afterAll(() => rmSync(folder, { recursive: true }));

const sources: readonly RequirementSource[] = [
  { kind: "key-file", path: "pipe", identity: "any" },
  { kind: "certificates", store: "ca", path: "pipe", identities: undefined },
];

test.each(sources)("a $kind that is a pipe is refused, and not waited for", (source) => {
  let why = "";
  try {
    loadRequirements([source], folder);
  } catch (error) {
    why = formatError(error);
  }
  expect(why).toContain(join(folder, "pipe"));
  expect(why).toContain("is a pipe or a device, and no regular file");
});
