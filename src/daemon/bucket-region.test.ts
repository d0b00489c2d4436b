import { afterAll, beforeEach, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { formatError } from "../errors/gantry-error.ts";
import type { Environment } from "./bucket-credentials.ts";
import { readBucketRegion } from "./bucket-region.ts";
import type { StorageConfig } from "./storage-config.ts";

const folder = mkdtempSync(join(tmpdir(), "gantry-bucket-region-"));
afterAll(() => rmSync(folder, { recursive: true }));

const config: StorageConfig = { bucket: "images", prefix: "", isPathStyle: true, redirects: false };
const other = join(folder, "other-config");

beforeEach(() => {
  mkdirSync(join(folder, ".aws"), { recursive: true });
  writeFileSync(
    join(folder, ".aws/config"),
    `[default]
region = default-1
[profile work]
region = work-1
s3 =
  region = nested-1
[profile "two words"]
region = words-1
[work]
region = of-no-profile-1
[profile none]
output = json
[profile bad]
region = a b
`,
  );
  writeFileSync(join(folder, ".aws/credentials"), "[default]\naws_access_key_id = id\n[mixed]\nregion = mixed-1\n");
  writeFileSync(other, "[profile default]\nregion = other-1\n[default]\nregion = old-1\n");
});

describe("the region of a bucket", () => {
  test.each([
    [{ HOME: folder, AWS_REGION: "env-1", AWS_DEFAULT_REGION: "env-2" }, "env-1"],
    [{ HOME: folder, AWS_REGION: "", AWS_DEFAULT_REGION: "env-2" }, "env-2"],
    [{ HOME: folder }, "default-1"],
    [{ HOME: folder, AWS_PROFILE: "work" }, "work-1"],
    [{ HOME: folder, AWS_PROFILE: "two words" }, "words-1"],
    [{ HOME: folder, AWS_PROFILE: "mixed" }, "mixed-1"],
    [{ HOME: folder, AWS_PROFILE: "none" }, "us-east-1"],
    [{ HOME: folder, AWS_CONFIG_FILE: other }, "other-1"],
    [{ HOME: folder, AWS_CONFIG_FILE: "/nowhere" }, "us-east-1"],
    [{ AWS_SHARED_CREDENTIALS_FILE: join(folder, ".aws/credentials"), AWS_PROFILE: "mixed" }, "mixed-1"],
    [{}, "us-east-1"],
  ] as const)("is where the AWS tools find it: %j", (environment, region) => {
    expect(readBucketRegion(config, environment)).toBe(region);
  });

  test("is what the configuration says before all of that", () => {
    expect(readBucketRegion({ ...config, region: "own-1" }, { HOME: folder, AWS_REGION: "env-1" })).toBe("own-1");
  });

  test("that is none is refused, and so is a file that cannot be read", () => {
    const refusal = (environment: Environment): string => {
      try {
        return readBucketRegion(config, environment);
      } catch (error) {
        return formatError(error);
      }
    };
    const hint = "(set region in [storage.s3], AWS_REGION, or region in a profile of ~/.aws/config)";
    expect([
      refusal({ AWS_REGION: "eu west" }),
      refusal({ HOME: folder, AWS_PROFILE: "bad" }),
      refusal({ AWS_CONFIG_FILE: folder }),
    ]).toEqual([
      `"eu west" is no name of a region for the bucket images ${hint}`,
      `"a b" is no name of a region for the bucket images ${hint}`,
      `cannot read the region of the bucket images: cannot read ${folder}: is a directory ${hint}`,
    ]);
  });
});
