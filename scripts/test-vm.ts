/**
 * `npm run test:vm`: the tests that depend on the kernel, on a second one: Debian's, with pure cgroup v2, with v1 and with
 * both, in guests that QEMU emulates (`test/vm`). `npm run test:vm -- PATTERN…` runs the files whose path holds a pattern.
 *
 * A guest gets the checkout as a disk of its own: over 9p each of Bun's modules costs a dozen emulated round trips, and
 * an overlay's upper folder cannot be there. The last line counts the tests of all guests.
 */
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";

interface Guest {
  readonly name: string;
  readonly cgroup: "v2" | "v1" | "hybrid";
  /** Process 1. @default a small script */
  readonly init?: "systemd";
  /** @default AppArmor */
  readonly lsm?: "selinux";
  readonly files: readonly string[];
}

interface Outcome {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

const root = join(import.meta.dir, "..");
const cache = join(root, ".cache");
const runScript = join(root, "test/vm/run.sh");
/** Says whether the guests themselves are what they should be; it makes its own. */
const GUESTS_TEST = "test/vm/guests.test.ts";
const patterns = process.argv.slice(2);
/** A guest that hangs ends then, and counts as a failure; its tests end before, so that they can say where they stood. */
const timeoutSeconds = 600;
/** What `run.sh` ends with when a guest does not start, or its kernel ends before its command. */
const GUEST_DIED = 125;
const testsTimeoutSeconds = timeoutSeconds - 60;

/** What writes and reads control groups. */
const GROUP_FILES = [
  "test/integration/cgroup-limits.test.ts",
  "test/integration/engine-limits.test.ts",
  "test/integration/open-cgroup.test.ts",
  "test/integration/runtime-cgroup-mounts.test.ts",
  "test/integration/supervise-limits.test.ts",
];

/** Lives of containers, which v1 and v2 differ for; hybrid is v1 for them, and half of that guest's time. */
const LIFE_FILES = [
  "test/integration/engine-run.test.ts",
  "test/integration/runtime-exec.test.ts",
  "test/integration/runtime-life.test.ts",
];

/** What asks systemd. */
const SYSTEMD_FILES = [
  "test/integration/dbus-connection.test.ts",
  "test/integration/runtime-systemd.test.ts",
  "test/integration/systemd-cgroup.test.ts",
];

/** What asks criu, at whose speed. */
const CHECKPOINT_FILES = ["test/integration/runtime-checkpoint.test.ts"];

const GUESTS: readonly Guest[] = [
  {
    name: "6.1, cgroup v2",
    cgroup: "v2",
    files: [
      ...GROUP_FILES,
      ...LIFE_FILES,
      "test/integration/apparmor.test.ts",
      "test/integration/landlock.test.ts",
      "test/integration/procfs-attacks.test.ts",
      "test/integration/engine-copy-up.test.ts",
      "test/integration/engine-exec.test.ts",
      "test/integration/engine-killed.test.ts",
      "test/integration/engine-network.test.ts",
      "test/integration/engine-recover.test.ts",
      "test/integration/engine-volumes.test.ts",
      "test/integration/network-namespace.test.ts",
      "test/integration/network-stack.test.ts",
      "test/integration/runtime-exec-groups.test.ts",
      "test/integration/runtime-foreign-groups.test.ts",
      "test/integration/runtime-mounts.test.ts",
      "test/integration/runtime-mounts-user.test.ts",
      "test/integration/runtime-propagation.test.ts",
      "test/integration/runtime-rootless.test.ts",
      "test/integration/seccomp-filter.test.ts",
      "test/integration/supervise-recover.test.ts",
      "test/integration/supervise-run.test.ts",
      "test/e2e/confinement.test.ts",
      "test/e2e/first-steps.test.ts",
    ],
  },
  { name: "6.1, criu, cgroup v2", cgroup: "v2", files: CHECKPOINT_FILES },
  { name: "6.1, criu, cgroup v1", cgroup: "v1", files: CHECKPOINT_FILES },
  { name: "6.1, SELinux", cgroup: "v2", lsm: "selinux", files: ["test/integration/selinux.test.ts"] },
  { name: "6.1, cgroup v1", cgroup: "v1", files: [...GROUP_FILES, ...LIFE_FILES] },
  { name: "6.1, cgroup hybrid", cgroup: "hybrid", files: GROUP_FILES },
  { name: "6.1, systemd, cgroup v2", cgroup: "v2", init: "systemd", files: SYSTEMD_FILES },
  { name: "6.1, systemd, cgroup hybrid", cgroup: "hybrid", init: "systemd", files: SYSTEMD_FILES },
];

/** The part of the checkout that tests need, Bun included. */
const PROJECT = [
  ...["src", "native", "scripts", "test", "examples", "package.json", "package-lock.json", "tsconfig.json", "gantry"],
  ...["layers.json", "dist/native", "node_modules/.package-lock.json"],
  ...["node_modules/fast-check", "node_modules/pure-rand"],
  ...programPackages(),
];

/** What the program itself loads, Bun included. */
function programPackages(): readonly string[] {
  const lock = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8"));
  const packages: Readonly<Record<string, { readonly dev?: true; readonly optional?: true }>> = lock.packages;
  return Object.entries(packages)
    .filter(([path, { dev, optional }]) => /^node_modules\/(@[^/]+\/)?[^/]+$/.test(path) && !dev && !optional)
    .map(([path]) => path);
}

function must(command: readonly string[], options: { readonly cwd?: string } = {}): void {
  const [program = "", ...args] = command;
  const { status, stderr } = spawnSync(program, args, { cwd: root, encoding: "utf8", ...options });
  if (status !== 0) throw new Error(`${command.join(" ")} failed:\n${stderr}`);
}

/** A file with an ext4 file system that holds the checkout and has 4 GiB free. */
function makeDisk(directory: string): string {
  const staging = join(directory, "project");
  const disk = join(directory, "project.ext4");
  mkdirSync(staging);
  must(["cp", "-al", "--parents", ...PROJECT, staging]);
  const features = ["-O", "^has_journal", "-E", "lazy_itable_init=1,root_owner=0:0", "-m", "0"];
  must(["mke2fs", "-q", "-t", "ext4", ...features, "-d", staging, disk, "4608M"]);
  return disk;
}

/** Runs what ends with a line that counts tests, and tells its output line by line. */
async function runCounted(
  name: string,
  command: readonly [string, ...string[]],
): Promise<Outcome & { readonly status: number | null }> {
  const startedAt = performance.now();
  const [program, ...args] = command;
  const child = spawn(program, args, { cwd: root, stdio: ["ignore", "pipe", "inherit"] });
  let last = "";
  let rest = "";
  child.stdout.setEncoding("utf8");
  child.stdout.on("data", (text: string) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      last = line;
      process.stdout.write(`[${name}] ${line}\n`);
    }
  });
  const status = await new Promise<number | null>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", resolve);
  });
  const [, passed, failed, skipped] = /^(\d+) passed, (\d+) failed, (\d+) skipped$/.exec(last) ?? [];
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  const outcome = { passed: Number(passed ?? 0), failed: Number(failed ?? 0), skipped: Number(skipped ?? 0) };
  process.stdout.write(`[${name}] ended with ${status} after ${seconds} s\n`);
  // What dies counts as one failure, also when no test of it failed.
  const isDead = (status !== 0 || passed === undefined) && outcome.failed === 0;
  return { ...outcome, ...(isDead ? { failed: 1 } : {}), status };
}

function guestCommand(guest: Guest, disk: string): [string, ...string[]] {
  const init = guest.init === undefined ? [] : ["--init", guest.init];
  const kernel = ["--cgroup", guest.cgroup, "--lsm", guest.lsm ?? "apparmor", ...init];
  const how = [...kernel, "--memory", "2048", "--timeout", String(timeoutSeconds), "--disk", disk];
  const inside = ["env", "PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "TMPDIR=/project"];
  const tests = ["scripts/test.ts", "--within", String(testsTimeoutSeconds), ...guest.files];
  return [runScript, ...how, "--", ...inside, "node_modules/bun/bin/bun.exe", ...tests];
}

/** Runs a guest, and once more if its kernel did not live to the end: that says nothing of the tests. */
async function runGuest(guest: Guest, disk: string): Promise<Outcome> {
  const first = await runCounted(guest.name, guestCommand(guest, disk));
  if (first.status !== GUEST_DIED) return first;
  process.stdout.write(`[${guest.name}] its kernel hung or crashed: once more\n`);
  return await runCounted(guest.name, guestCommand(guest, disk));
}

function skipReason(): string | undefined {
  if (process.arch !== "x64") return "the guests are x86-64";
  if (process.getuid?.() !== 0) return "building a guest needs root";
  spawnSync("sh", [join(root, "scripts/install-test-tools.sh"), "vm"], { stdio: "inherit" });
  const needed = ["qemu-system-x86_64", "debootstrap", "apt-get", "dpkg", "cpio", "mke2fs", "depmod"];
  const path = `${process.env.PATH}:/usr/sbin:/sbin`;
  const missing = needed.filter((name) => !path.split(":").some((folder) => existsSync(join(folder, name))));
  return missing.length === 0 ? undefined : `not installed: ${missing.join(", ")}`;
}

const isWanted = (file: string): boolean => patterns.length === 0 || patterns.some((pattern) => file.includes(pattern));
const guests = GUESTS.map((guest) => ({ ...guest, files: guest.files.filter(isWanted) })).filter(
  (guest) => guest.files.length > 0,
);
const reason = skipReason();
if (reason !== undefined) {
  process.stdout.write(`skipped: ${reason}\n0 passed, 0 failed, ${guests.length} skipped\n`);
  process.exit(0);
}
must([process.execPath, "scripts/build-native.ts"]);
mkdirSync(cache, { recursive: true });
const directory = mkdtempSync(join(cache, "vm-"));
const outcomes: Outcome[] = [];
try {
  const disk = makeDisk(directory);
  if (isWanted(GUESTS_TEST))
    outcomes.push(await runCounted("guests", [process.execPath, "scripts/test.ts", GUESTS_TEST]));
  // One after the other: a guest's two processors are emulated by two threads.
  for (const guest of guests) outcomes.push(await runGuest(guest, disk));
} finally {
  rmSync(directory, { recursive: true, force: true });
}
const sum = (key: keyof Outcome): number => outcomes.reduce((total, outcome) => total + outcome[key], 0);
process.stdout.write(`${sum("passed")} passed, ${sum("failed")} failed, ${sum("skipped")} skipped\n`);
process.exit(sum("failed") === 0 ? 0 : 1);
