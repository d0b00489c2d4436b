import { afterAll, beforeAll, expect, test } from "bun:test";
import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runMain } from "../../../test/support/cli-double.ts";

let folder: string;
let key: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "gantry-sign-"));
  key = join(folder, "key.pem");
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  writeFileSync(key, privateKey.export({ type: "pkcs8", format: "pem" }));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function sign(...flags: readonly string[]) {
  return await runMain(["image", "sign", ...flags, "127.0.0.1:1/app"], {});
}

test("a private key that cannot be read is told in one sentence, by the name that the user gave", async () => {
  const hint = "(--key names a file: one of cosign's, or in PEM)";
  expect(await sign("--key", "nowhere/missing.key")).toEqual({
    status: 1,
    stdout: "",
    stderr: `gantry: cannot read the private key nowhere/missing.key: no such file or directory ${hint}\n`,
  });
  expect((await sign("--key", folder)).stderr).toBe(
    `gantry: cannot read the private key ${folder}: is a directory ${hint}\n`,
  );
});

test("certificates that cannot be read are told so, too", async () => {
  const withCertificate = (path: string) => sign("--key", key, "--format", "notation", "--certificate", path);
  const missing = join(folder, "missing.crt");
  expect((await withCertificate(missing)).stderr).toBe(
    `gantry: cannot use the certificates in ${missing}: no such file or directory\n`,
  );
  expect((await withCertificate(folder)).stderr).toBe(
    `gantry: cannot use the certificates in ${folder}: is a directory\n`,
  );
});

test.each(["build", "=42"])("an annotation without a name or a value is refused: %s", async (annotation) => {
  const { status, stderr } = await sign("--key", key, "--annotation", annotation);
  expect([status, stderr.split("\n")[0]]).toEqual([
    125,
    `invalid argument "${annotation}" for "-a, --annotation" flag: write it as NAME=VALUE`,
  ]);
});
