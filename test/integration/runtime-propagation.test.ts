import { describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import type { RootfsPropagation } from "../../src/oci/runtime-spec.ts";
import { parseMountInfo, type TrialOptions } from "./runtime-mounts-fixture.ts";

interface Outcome {
  readonly stdout: string;
  readonly stderr: string;
  readonly before: readonly string[];
  readonly after: readonly string[];
}

/** Runs a container on a "host" whose mounts are all shared: a mount namespace of its own. */
function onSharedHost(script: string, trial: TrialOptions = {}): Outcome {
  const child = join(import.meta.dirname, "runtime-mounts-child.ts");
  const args = ["--mount", "--propagation", "shared", process.execPath, child, JSON.stringify({ script, trial })];
  const { status, stdout, stderr } = spawnSync("unshare", args, { encoding: "utf8" });
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout) as Outcome;
}

function propagationOf(path: string, { stdout }: Outcome): string | undefined {
  return parseMountInfo(stdout).find((line) => line.path === path)?.propagation;
}

describe("the root on a host whose mounts are shared", () => {
  const cases: readonly (readonly [RootfsPropagation | undefined, root: string, below: string])[] = [
    [undefined, "", "master"],
    ["private", "", "master"],
    ["rprivate", "", ""],
    ["slave", "master", "master"],
    ["rslave", "master", "master"],
    ["shared", "shared", "shared"],
    ["rshared", "shared", "shared"],
    ["unbindable", "unbindable", "master"],
    ["runbindable", "unbindable", "unbindable"],
  ];
  test.each(cases)("rootfsPropagation %s: %j, and below it %j", (rootfsPropagation, root, below) => {
    const linux = rootfsPropagation === undefined ? {} : { rootfsPropagation };
    const outcome = onSharedHost("cat /proc/self/mountinfo", { linux });
    expect([propagationOf("/", outcome), propagationOf("/below", outcome)]).toEqual([root, below]);
    // What the container does with its old root takes nothing away from the host, shared or not.
    expect(outcome.after).toEqual(outcome.before);
    expect(outcome.after).toContain("/proc shared");
  });
});

describe("a volume on a host whose mounts are shared", () => {
  const volume = (...options: string[]) => [{ destination: "/v", source: "@/volume", options: ["rbind", ...options] }];
  const script = "cat /proc/self/mountinfo; mount -t tmpfs inside /v/inner";
  const cases: readonly (readonly [options: string[], RootfsPropagation | undefined, own: string, isSeen: boolean])[] =
    [
      [["private"], undefined, "", false],
      [["rslave"], "rslave", "master", false],
      [["rslave", "shared"], "slave", "shared master", false],
      [["shared"], "shared", "shared", true],
      [["rshared"], "rshared", "shared", true],
      [["runbindable"], undefined, "unbindable", false],
    ];
  test.each(cases)("%j with a root that is %s: %j, its mounts reach the host: %p", (options, root, own, isSeen) => {
    const linux = root === undefined ? {} : { rootfsPropagation: root };
    const outcome = onSharedHost(script, { mounts: volume(...options), linux });
    expect(outcome.stderr).toBe("");
    expect(propagationOf("/v", outcome)).toBe(own);
    const added = outcome.after.filter((line) => !outcome.before.includes(line));
    expect(added).toEqual(isSeen ? ["/volume/inner shared"] : []);
    expect(outcome.before.filter((line) => !outcome.after.includes(line))).toEqual([]);
  });
});
