import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";

/**
 * Fuzzes the helper's plan reader, its steps that assemble a root, and its protocol with libFuzzer, address and undefined-behaviour sanitizers:
 * `fuzz-native.ts [SECONDS]`, 60 seconds in all by default. New inputs go to .cache, the kept corpus is native/fuzz/corpus.
 */
const ROOT = join(import.meta.dirname, "..");
const NATIVE = join(ROOT, "native");
const CACHE = join(ROOT, ".cache/fuzz");
const TARGETS = [
  { name: "plan", sources: ["fuzz/fuzz-plan.c", "plan.c"] },
  { name: "steps", sources: ["fuzz/fuzz-steps.c", "plan.c"] },
  { name: "protocol", sources: ["fuzz/fuzz-protocol.c", "client.c", "plan.c", "log.c", "record.c", "fuzz/no-spawn.c"] },
] as const;

export type FuzzResult = { readonly skipped: string } | { readonly failures: readonly string[] };

/** Runs all targets for `seconds` in all. */
export function fuzzNative(seconds: number): FuzzResult {
  if (spawnSync("clang", ["--version"]).status !== 0)
    return { skipped: "no clang here (Debian: apt-get install clang)" };
  const failures: string[] = [];
  for (const { name, sources } of TARGETS) {
    const work = join(CACHE, name);
    mkdirSync(work, { recursive: true });
    const program = join(CACHE, `fuzz-${name}`);
    const flags = [
      "-std=gnu11",
      "-D_GNU_SOURCE",
      "-g",
      "-O1",
      "-fsanitize=fuzzer,address,undefined",
      "-fno-sanitize-recover=undefined",
    ];
    const build = spawnSync("clang", [...flags, "-o", program, ...sources.map((source) => join(NATIVE, source))], {
      encoding: "utf8",
    });
    if (build.status !== 0) {
      if (/cannot find|no such file.*clang_rt/i.test(build.stderr))
        return { skipped: "clang has no libFuzzer here (Debian: apt-get install libclang-rt-dev)" };
      failures.push(`${name} does not build:\n${build.stderr}`);
      continue;
    }
    const share = Math.max(1, Math.floor(seconds / TARGETS.length));
    const args = [
      work,
      join(NATIVE, "fuzz/corpus", name),
      `-max_total_time=${share}`,
      "-max_len=40000",
      "-print_final_stats=1",
      `-artifact_prefix=${work}/`,
    ];
    const run = spawnSync(program, args, { encoding: "utf8", maxBuffer: 64 << 20 });
    const executed = /stat::number_of_executed_units:\s*(\d+)/.exec(run.stderr)?.[1];
    if (run.status !== 0) failures.push(`${name} fails:\n${run.stderr.slice(-6000)}`);
    else console.log(`fuzzed ${name}: ${executed} inputs in ${share} s, ${readdirSync(work).length} kept`);
  }
  return { failures };
}

if (process.argv[1] === import.meta.filename) {
  const result = fuzzNative(Number(process.argv[2] ?? 60));
  if ("skipped" in result) console.log(`fuzzing skipped: ${result.skipped}`);
  else if (result.failures.length > 0) {
    console.error(result.failures.join("\n"));
    process.exit(1);
  }
}
