import { afterEach, beforeEach, expect, test } from "bun:test";
import { chownSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { skipReason } from "../../test/support/command.ts";
import { formatError } from "../errors/gantry-error.ts";
import { runRegistry, runRegistryUpkeep } from "./run-registry.ts";

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "gantry-own-root-"));
});

afterEach(() => rmSync(root, { recursive: true }));

const skip = skipReason({ root: true });
if (skip !== undefined) console.log(`skipped: ${skip}`);

test.skipIf(skip !== undefined)(
  "root neither serves nor looks after another user's registry, which could not use its own files then",
  async () => {
    for (const name of ["lock", "state.db"]) writeFileSync(join(root, name), "");
    for (const name of [".", "lock", "state.db"]) chownSync(join(root, name), 12_345, 12_346);
    const common = { root, tell: () => {}, signal: AbortSignal.abort(), environment: {} };
    const sentence = (error: unknown): string => formatError(error);
    const said = await Promise.all([
      runRegistry({ ...common, request: { Listen: "127.0.0.1:0" } }).then(String, sentence),
      runRegistryUpkeep({ ...common, request: { Task: "collect" } }).then(String, sentence),
    ]);
    const expected =
      `the registry in ${root} is that of user 12345, who could not use what user 0 makes there ` +
      `(run the command as that user, by sudo -u '#12345', or hand the registry over, by chown -R 0 ${root})`;
    expect(said).toEqual([expected, expected]);
    expect(readdirSync(root).sort()).toEqual(["lock", "state.db"]);
  },
);
