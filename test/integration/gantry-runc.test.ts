import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { RuntimeBundle, runtimeSkipReason } from "../support/runtime-bundle.ts";

const skip = runtimeSkipReason();

describe.skipIf(skip !== undefined)("bin/gantry-runc", () => {
  test("is the runtime, and what it tells Bun comes to nobody else", () => {
    using bundle = new RuntimeBundle([join(import.meta.dir, "../../bin/gantry-runc")]);
    bundle.write({
      process: { args: ["env"], env: ["PATH=/bin"] },
      hooks: { poststart: [{ path: "/bin/sh", args: ["sh", "-c", '[ -z "$(env | grep BUN_JSC)" ]'] }] },
    });
    // An option that Bun does not know would end it with a page of text.
    const { status, stdout, stderr } = bundle.run("run", `gantry-test-${process.pid}-script`);
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: "PATH=/bin\n", stderr: "" });
  });
});
