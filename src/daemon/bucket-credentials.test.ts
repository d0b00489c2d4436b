import { afterAll, beforeEach, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { formatError, isGantryError } from "../errors/gantry-error.ts";
import { type Environment, readBucketCredentials } from "./bucket-credentials.ts";
import type { StorageConfig } from "./storage-config.ts";

const folder = mkdtempSync(join(tmpdir(), "gantry-bucket-keys-"));
afterAll(() => rmSync(folder, { recursive: true }));

const config: StorageConfig = { bucket: "images", prefix: "", isPathStyle: true, redirects: false };
const keys = { AWS_ACCESS_KEY_ID: "env-id", AWS_SECRET_ACCESS_KEY: "env-secret" };
const shared = join(folder, ".aws/credentials");

function read(environment: Environment, credentialFiles?: StorageConfig["credentialFiles"]): unknown {
  try {
    return readBucketCredentials(
      { ...config, ...(credentialFiles === undefined ? {} : { credentialFiles }) },
      environment,
    );
  } catch (error) {
    return isGantryError(error) ? [error.code, error.message, formatError(error)] : error;
  }
}

beforeEach(() => {
  mkdirSync(join(folder, ".aws"), { recursive: true });
  writeFileSync(
    shared,
    `# made by hand
[default]
aws_access_key_id=shared-id
aws_secret_access_key = shared/secret=
  ignored = aws_access_key_id
[ work ]
AWS_ACCESS_KEY_ID = first
aws_access_key_id = work-id
; aws_session_token = none
aws_secret_access_key = work-secret
aws_session_token = work-token
[role]
role_arn = arn:aws:iam::1:role/x
`,
  );
});

describe("the access key of a bucket", () => {
  test("is what the configuration's files hold, before the environment's, before the shared file's", () => {
    writeFileSync(join(folder, "id"), "file-id\n");
    writeFileSync(join(folder, "secret"), "file-secret\n");
    const files = { accessKeyId: join(folder, "id"), secretAccessKey: join(folder, "secret") };
    const environment = { ...keys, HOME: folder };
    expect([read(environment, files), read(environment), read({ HOME: folder })]).toEqual([
      { accessKeyId: "file-id", secretAccessKey: "file-secret" },
      { accessKeyId: "env-id", secretAccessKey: "env-secret" },
      { accessKeyId: "shared-id", secretAccessKey: "shared/secret=" },
    ]);
  });

  test("is that of the profile that AWS_PROFILE names, in the file that AWS_SHARED_CREDENTIALS_FILE names", () => {
    expect(read({ AWS_SHARED_CREDENTIALS_FILE: shared, AWS_PROFILE: "work" })).toEqual({
      accessKeyId: "work-id",
      secretAccessKey: "work-secret",
      sessionToken: "work-token",
    });
  });

  test.each([
    [{}, "invalid-argument", "there is no access key for the bucket images"],
    [{ HOME: "/nowhere" }, "invalid-argument", "there is no access key for the bucket images"],
    [
      { HOME: folder, AWS_PROFILE: "role" },
      "unavailable",
      'the profile "role" has no access key for the bucket images',
    ],
    [
      { HOME: folder, AWS_PROFILE: "none" },
      "unavailable",
      'there is no profile "none" with the access key for the bucket images',
    ],
    [{ HOME: "/nowhere", AWS_PROFILE: "work" }, "unavailable", "cannot read the access key for the bucket images"],
  ])("that is not there is told with what is supported: %j", (environment, code, message) => {
    expect(read(environment)).toEqual([
      code,
      message,
      expect.stringMatching(/AWS_ACCESS_KEY_ID.*\[storage.s3\].*~\/\.aws\/credentials.*role/),
    ]);
  });

  test("whose file cannot be read names the file to the operator alone", () => {
    const files = { accessKeyId: "/nowhere/id", secretAccessKey: "/nowhere/secret" };
    expect(read({}, files)).toEqual([
      "unavailable",
      "cannot read the access key for the bucket images",
      expect.stringContaining("/nowhere/id"),
    ]);
  });
});
