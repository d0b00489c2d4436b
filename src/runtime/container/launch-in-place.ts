import { GantryError } from "../../errors/gantry-error.ts";
import { describeErrno, ERRNO } from "../../platform/errno.ts";
import { executeInPlace } from "../../platform/execute-in-place.ts";
import { readHelperBinary } from "../../platform/helper-binary.ts";
import { SYS, syscall } from "../../platform/libc.ts";
import { openMemoryFile, openSealedProgram } from "../../platform/memory-file.ts";
import { encodePlan } from "../plan/encode-plan.ts";
import type { Plan } from "../plan/steps.ts";

const FIRST_PRESERVED = 3;

function require(fd: number, what: string): number {
  if (fd >= 0) return fd;
  throw new GantryError("unsupported", `cannot ${what}: ${describeErrno(-fd)}`, {
    ...(fd === -ERRNO.EACCES ? { hint: "the sysctl vm.memfd_noexec must not be 2" } : {}),
  });
}

/** The native helper, in a memory file that nobody can write to. */
export interface HelperProgram extends Disposable {
  readonly fd: number;
  /** Good for this process, and for a child that executes it. */
  readonly path: string;
}

export async function openHelperProgram(): Promise<HelperProgram> {
  const bytes = await readHelperBinary();
  const fd = require(openSealedProgram("gantry-helper", bytes), "keep the native helper in memory");
  return { fd, path: `/proc/self/fd/${fd}`, [Symbol.dispose]: () => void syscall(SYS.close, fd) };
}

/**
 * Lets the helper come in this process's place and carry out the plan: what it makes is a child of whoever called us.
 * Comes back only by an error.
 */
export function launchInPlace(
  plan: Plan,
  program: HelperProgram,
  options: {
    readonly environment: Readonly<Record<string, string | undefined>>;
    readonly preservedFds: number;
    /** Further descriptors that the helper has, under their own numbers. @default none */
    readonly inherit?: readonly number[];
  },
): never {
  const bytes = encodePlan(plan);
  const file = require(openMemoryFile("gantry-plan", bytes), "keep the plan in memory");
  const preserved = Array.from({ length: options.preservedFds }, (_, index) => FIRST_PRESERVED + index);
  const failure = executeInPlace(program.fd, ["gantry-helper", "launch", String(file)], {
    environment: options.environment,
    inherit: [file, ...preserved, ...(options.inherit ?? [])],
  });
  throw new GantryError("internal", `cannot execute the native helper: ${describeErrno(-failure)}`);
}
