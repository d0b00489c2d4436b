import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Seccomp } from "../../src/oci/runtime-spec.ts";
import { DEFAULT_CAPABILITIES } from "../../src/runtime/capabilities/index.ts";
import { compileSeccomp, defaultSeccompProfile } from "../../src/runtime/seccomp/index.ts";
import { SYSCALL_COLUMNS } from "../../src/runtime/seccomp/syscall-table.ts";
import { architecture, program, readSeccompVectors } from "../support/seccomp-vectors.ts";

/** Installs the filter of a file, makes one system call, and prints its result or errno; exits by a signal if killed. */
const PROGRAM = `
#define _GNU_SOURCE
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	static struct sock_filter filter[4096];
	FILE *file = fopen(argv[1], "r");
	struct sock_fprog program = { .filter = filter };
	long a[7] = { 0 };

	if (!file)
		return 98;
	program.len = fread(filter, sizeof(filter[0]), 4096, file);
	for (int i = 0; i < 7 && i + 2 < argc; i++)
		a[i] = (long)strtoull(argv[i + 2], NULL, 0);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program)) {
		perror("seccomp");
		return 99;
	}
	long result = syscall(a[0], a[1], a[2], a[3], a[4], a[5], a[6]);
	printf("%d\\n", result < 0 ? -errno : 0);
	return 0;
}
`;

const canRun = process.arch === "x64" && Bun.which("cc") !== null;
let folder = "";

beforeAll(() => {
  if (!canRun) return;
  folder = mkdtempSync(join(tmpdir(), "gantry-seccomp-"));
  writeFileSync(join(folder, "probe.c"), PROGRAM);
  const { exitCode, stderr } = Bun.spawnSync(["cc", "-O1", "-o", join(folder, "probe"), join(folder, "probe.c")]);
  if (exitCode !== 0) throw new Error(`the probe does not compile: ${stderr}`);
});

afterAll(() => {
  if (folder !== "") rmSync(folder, { recursive: true });
});

/** @throws what the kernel says of a program that it does not take. */
function probeProgram(bytes: Uint8Array, ...call: (number | bigint)[]): number | string | undefined {
  const path = join(folder, "filter");
  writeFileSync(path, bytes);
  const { stdout, stderr, signalCode } = Bun.spawnSync([join(folder, "probe"), path, ...call.map(String)]);
  if (stderr.length > 0) throw new Error(String(stderr));
  return signalCode ?? Number(stdout);
}

/** The call's result under the profile: 0 when it went through, -errno, or the signal that ended the caller. */
function probe(profile: Seccomp, ...call: (number | bigint)[]): number | string | undefined {
  return probeProgram(compileSeccomp(profile, { arch: "x86_64" }).program, ...call);
}

describe.skipIf(!canRun)("a compiled filter in this kernel", () => {
  const byDefault = defaultSeccompProfile({ capabilities: DEFAULT_CAPABILITIES, arch: "x86_64" });
  const EPERM = -1;
  const ENOSYS = -38;

  test("Docker's default lets through what it should and denies the rest", () => {
    expect(probe(byDefault, 39)).toBe(0); // getpid
    expect(probe(byDefault, 41, 2, 1, 0)).toBe(0); // socket(AF_INET, SOCK_STREAM)
    expect(probe(byDefault, 272, 0x10000000)).toBe(EPERM); // unshare(CLONE_NEWUSER)
    expect(probe(byDefault, 250)).toBe(EPERM); // keyctl
    expect(probe(byDefault, 435)).toBe(ENOSYS); // clone3
    expect(probe(byDefault, 499)).toBe(ENOSYS); // not yet there
    expect(probe(byDefault, 135, 0x40000)).toBe(EPERM); // personality(ADDR_NO_RANDOMIZE)
  });

  test("AF_ALG is refused, also with a high bit that the kernel ignores (the way of CVE-2019-10063)", () => {
    expect(probe(byDefault, 41, 38, 5, 0)).toBe(EPERM);
    expect(probe(byDefault, 41, (1n << 32n) | 38n, 5, 0)).toBe(EPERM);
  });

  test("kills the process where the profile says so", () => {
    const profile: Seccomp = {
      defaultAction: "SCMP_ACT_ALLOW",
      syscalls: [{ names: ["getppid"], action: "SCMP_ACT_KILL_PROCESS" }],
    };
    expect(probe(profile, 110)).toBe("SIGSYS");
    expect(probe(profile, 39)).toBe(0);
  });

  test("the kernel takes every program of libseccomp's cases, of whichever machine", () => {
    for (const each of readSeccompVectors())
      for (const column of SYSCALL_COLUMNS)
        expect(() => probeProgram(program(each, architecture(column)), 39)).not.toThrow();
    expect(() => probeProgram(new Uint8Array(8), 39)).toThrow("Invalid argument");
  });

  test("an x32 call without rules for x32 kills", () => {
    const { architectures: _, ...alone } = byDefault;
    expect(probe(alone, 0x40000000 + 39)).toBe("SIGSYS");
  });
});
