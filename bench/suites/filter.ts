import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DEFAULT_CAPABILITIES } from "../../src/runtime/capabilities/index.ts";
import { defaultSeccompProfile } from "../../src/runtime/seccomp/index.ts";
import { alternate, type Contender, runToEnd } from "../alternate.ts";
import type { BenchPeers } from "../bench-peers.ts";
import type { Bundle } from "../peers/bundle.ts";
import type { Row } from "../report.ts";
import { target, valuesOf } from "./run.ts";

/** By number on x86-64. The kernel remembers that it always lets the first one pass; for the second it runs the filter. */
const CALLS = [
  { name: "getppid", words: ["110"] },
  { name: "personality", words: ["135", "0xffffffff"] },
] as const;

/** What the default seccomp profile costs a program, system call by system call. */
export async function benchFilter({ gantry, engines, bundle }: BenchPeers): Promise<readonly Row[]> {
  if (process.arch !== "x64") return [];
  const folder = mkdtempSync(join(tmpdir(), "gantry-bench-filter-"));
  try {
    const program = join(folder, "call-cost");
    runToEnd(["cc", "-O2", "-static", "-o", program, join(import.meta.dir, "../bare/call-cost.c")]);
    const rows: Row[] = [];
    for (const { name, words } of CALLS) {
      const contenders: Contender[] = [gantry, ...engines].map((peer) => {
        const flags = ["--rm", "--network", "none", "-v", `${program}:/call-cost:ro`];
        return loop(
          peer.name,
          [...peer.command, "run", ...flags, peer.image, "/call-cost", ...words],
          peer.environment,
        );
      });
      if (bundle !== undefined) {
        const filtered = filteredBundle(bundle, { folder: join(folder, name), program, words });
        for (const runtime of ["runc", "crun"] as const)
          contenders.push({ name: runtime, run: async () => Number(runToEnd(bundle.commandOf(runtime, filtered))) });
      }
      contenders.push(loop("bare", [program, ...words]));
      const values = valuesOf(await alternate(contenders, { rounds: 7, warmUps: 1 }));
      const what = `a million calls of \`${name}\` under the default seccomp profile (bare: under none)`;
      rows.push({ what, unit: "ms", values, ...(name === "personality" ? target("runc", values.runc, 1) : {}) });
    }
    return rows;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A program that tells itself how long it took. */
function loop(name: string, command: readonly string[], environment: Readonly<Record<string, string>> = {}): Contender {
  return { name, run: async () => Number(runToEnd(command, environment)) };
}

/** The bundle again, with the profile and the program, in `folder`. */
function filteredBundle(
  bundle: Bundle,
  options: { readonly folder: string; readonly program: string; readonly words: readonly string[] },
): string {
  const { folder, program, words } = options;
  mkdirSync(folder);
  cpSync(join(bundle.folder, "rootfs"), join(folder, "rootfs"), { recursive: true });
  cpSync(program, join(folder, "rootfs/call-cost"));
  const config = JSON.parse(readFileSync(join(bundle.folder, "config.json"), "utf8"));
  config.process.args = ["/call-cost", ...words];
  config.linux.seccomp = defaultSeccompProfile({ capabilities: DEFAULT_CAPABILITIES, arch: "x86_64" });
  writeFileSync(join(folder, "config.json"), JSON.stringify(config));
  return folder;
}
