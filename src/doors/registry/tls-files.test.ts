import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stampOfTlsFiles } from "./tls-files.ts";

test("certificates that cannot be looked at any more do not end the registry", () => {
  const folder = mkdtempSync(join(tmpdir(), "gantry-tls-"));
  const certificate = join(folder, "circle");
  symlinkSync(certificate, certificate);
  const files = { certificate, key: join(folder, "none") };
  expect(stampOfTlsFiles(files)).toBe(stampOfTlsFiles(files));
  rmSync(folder, { recursive: true });
});
