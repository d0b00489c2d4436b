import { cString, SYS, syscall } from "./libc.ts";
import { addressOf } from "./memory-address.ts";

const F_GETFD = 1;
const F_SETFD = 2;
const AT_EMPTY_PATH = 0x1000;

/** Pointers to NUL-terminated strings, as execve(2) wants them; `keep` holds on to the strings. */
function pointers(texts: readonly string[], keep: Uint8Array[]): BigUint64Array {
  const list = new BigUint64Array(texts.length + 1);
  texts.forEach((text, index) => {
    const bytes = cString(text);
    keep.push(bytes);
    list[index] = addressOf(bytes);
  });
  return list;
}

/**
 * Becomes another program: execveat(2) of an open file. All descriptors are close-on-exec but 0 to 2 and `inherit`: those
 * that this process was given were made so when it started.
 *
 * @returns -errno; only if it failed.
 */
export function executeInPlace(
  program: number,
  args: readonly string[],
  options: { readonly environment: Readonly<Record<string, string | undefined>>; readonly inherit: readonly number[] },
): number {
  for (const fd of options.inherit) setInheritable(fd);
  const keep: Uint8Array[] = [];
  const environment = Object.entries(options.environment).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${value}`],
  );
  const argv = pointers(args, keep);
  const envp = pointers(environment, keep);
  const failure = syscall(SYS.execveat, program, cString(""), argv, envp, AT_EMPTY_PATH);
  keep.length = 0;
  return failure;
}

function setInheritable(fd: number): void {
  const flags = syscall(SYS.fcntl, fd, F_GETFD);
  if (flags >= 0) syscall(SYS.fcntl, fd, F_SETFD, flags & ~1);
}
