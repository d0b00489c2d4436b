import { spawnSync } from "node:child_process";
import type { Linux, Mount, RuntimeSpec } from "../../src/oci/runtime-spec.ts";
import type { ContainerPlanOptions } from "../../src/runtime/plan/index.ts";
import type { Fixture } from "./supervise-fixture.ts";

/** One line of /proc/self/mountinfo, without what differs each time. */
export interface MountLine {
  readonly path: string;
  readonly attributes: string;
  /** `shared master`, without numbers. */
  readonly propagation: string;
  readonly type: string;
  readonly source: string;
  readonly superblock: string;
}

export function parseMountInfo(text: string): MountLine[] {
  return text
    .trim()
    .split("\n")
    .map((line) => {
      const [before = "", after = ""] = line.split(" - ");
      const [, , , , path = "", attributes = "", ...tags] = before.split(" ");
      const [type = "", source = "", superblock = ""] = after.split(" ");
      return {
        path,
        attributes,
        propagation: tags.map((tag) => tag.split(":")[0]).join(" "),
        type,
        source,
        superblock,
      };
    });
}

export const sh = (script: string): string[] => ["sh", "-c", script];

export interface TrialOptions {
  readonly mounts?: readonly Mount[];
  readonly linux?: Linux;
  readonly root?: RuntimeSpec["root"];
  readonly plan?: Partial<ContainerPlanOptions>;
  /** The fixture's own mounts (/proc, /dev …) come first. @default true */
  readonly hasDefaults?: boolean;
}

/** Runs a script in a container with these mounts; what goes wrong before the start is thrown. */
export async function tryMounts(
  fixture: Fixture,
  script: string,
  options: TrialOptions = {},
): Promise<{ stdout: string; stderr: string }> {
  const { mounts = [], linux = {}, root } = options;
  const spec = fixture.spec(sh(script), { mounts, linux, ...(root === undefined ? {} : { root }) });
  const plan = fixture.plan(options.hasDefaults === false ? { ...spec, mounts } : spec, options.plan ?? {});
  const monitor = await fixture.launch(fixture.options(plan));
  await monitor.ready();
  const attachment = await monitor.attach({ stdin: false, stdout: true, stderr: true });
  await monitor.start();
  const text = { stdout: "", stderr: "" };
  for await (const { stream, bytes } of attachment.output) text[stream] += Buffer.from(bytes).toString();
  await monitor.exited;
  return text;
}

/** The mounts that a container with these has, by their place. */
export async function mountsOf(fixture: Fixture, options: TrialOptions): Promise<MountLine[]> {
  return parseMountInfo((await tryMounts(fixture, "cat /proc/self/mountinfo", options)).stdout);
}

/** Mounts on the host, undone at the end of the test, the last one first. */
export class HostMounts implements Disposable {
  readonly #targets: string[] = [];

  mount(target: string, ...args: string[]): void {
    const { status, stderr } = spawnSync("mount", [...args, target], { encoding: "utf8" });
    if (status !== 0) throw new Error(stderr);
    if (!args.some((argument) => argument.startsWith("--make-"))) this.#targets.push(target);
  }

  [Symbol.dispose](): void {
    for (const target of this.#targets.reverse()) spawnSync("umount", ["--lazy", target]);
  }
}
