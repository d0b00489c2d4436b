import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { formatError } from "../../../errors/gantry-error.ts";
import { readTlsFiles, stampOfTlsFiles } from "./tls-files.ts";

test("certificates that cannot be looked at any more do not end the registry", () => {
  const folder = mkdtempSync(join(tmpdir(), "gantry-tls-"));
  const certificate = join(folder, "circle");
  symlinkSync(certificate, certificate);
  const files = { certificate, key: join(folder, "none") };
  expect(stampOfTlsFiles(files)).toBe(stampOfTlsFiles(files));
  rmSync(folder, { recursive: true });
});

test("a file that cannot be read is named, with what names it", () => {
  const folder = mkdtempSync(join(tmpdir(), "gantry-tls-"));
  const [certificate, key] = [join(folder, "registry.pem"), join(folder, "registry.key")];
  writeFileSync(certificate, "");
  let failure: unknown;
  try {
    readTlsFiles({ certificate, key });
  } catch (error) {
    failure = error;
  }
  expect(formatError(failure)).toBe(
    `cannot read ${key}: ENOENT: no such file or directory (registry.toml names it as the key of [tls]: ` +
      "the user that the registry runs as has to be able to read it)",
  );
  rmSync(folder, { recursive: true });
});

test("a file that is no certificate is named, with what belongs there", () => {
  const folder = mkdtempSync(join(tmpdir(), "gantry-tls-"));
  const [certificate, key] = [join(folder, "registry.pem"), join(folder, "registry.key")];
  for (const path of [certificate, key]) writeFileSync(path, "-----BEGIN PRIVATE KEY-----\n");
  let failure: unknown;
  try {
    readTlsFiles({ certificate, key });
  } catch (error) {
    failure = error;
  }
  expect(formatError(failure)).toStartWith(`${certificate} holds no certificate that can be used: `);
  expect(formatError(failure)).toEndWith(" (it is to be PEM)");
  rmSync(folder, { recursive: true });
});
