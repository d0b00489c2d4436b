import { GantryError } from "../../errors/gantry-error.ts";
import type { SeccompAction } from "../../oci/runtime-spec.ts";

// What a filter returns (include/uapi/linux/seccomp.h): an action in the high half, its data in the low one.
const RETURN_VALUES: Readonly<Record<SeccompAction, number>> = {
  SCMP_ACT_KILL: 0x0000_0000,
  SCMP_ACT_KILL_THREAD: 0x0000_0000,
  SCMP_ACT_KILL_PROCESS: 0x8000_0000,
  SCMP_ACT_TRAP: 0x0003_0000,
  SCMP_ACT_ERRNO: 0x0005_0000,
  SCMP_ACT_NOTIFY: 0x7fc0_0000,
  SCMP_ACT_TRACE: 0x7ff0_0000,
  SCMP_ACT_LOG: 0x7ffc_0000,
  SCMP_ACT_ALLOW: 0x7fff_0000,
};

/** All actions by name. */
export const SECCOMP_ACTIONS = Object.keys(RETURN_VALUES).sort() as readonly SeccompAction[];

const EPERM = 1;

/**
 * What the filter returns for an action. ERRNO and TRACE carry `errnoRet`, EPERM when it is not given
 * (config-linux.md, "Seccomp"); the kernel cuts an error above 4095 to that.
 *
 * @throws `invalid-argument` naming `cause` for an unknown action or data that does not fit.
 */
export function encodeAction(action: SeccompAction, errnoRet: number | undefined, cause: string): number {
  if (!Object.hasOwn(RETURN_VALUES, action)) {
    throw new GantryError("invalid-argument", `${cause}: unknown seccomp action ${JSON.stringify(action)}`);
  }
  const value = RETURN_VALUES[action];
  if (action !== "SCMP_ACT_ERRNO" && action !== "SCMP_ACT_TRACE") {
    if (errnoRet !== undefined) {
      throw new GantryError("invalid-argument", `${cause}: ${action} takes no errnoRet`);
    }
    return value;
  }
  const data = errnoRet ?? EPERM;
  if (!Number.isInteger(data) || data < 0 || data > 0xffff) {
    throw new GantryError("invalid-argument", `${cause}: errnoRet must be from 0 to 65535, not ${data}`);
  }
  return value + data;
}

/** True if a call goes on under this action, whoever else is asked or told. */
export function isPermissive(action: SeccompAction): boolean {
  return action === "SCMP_ACT_ALLOW" || action === "SCMP_ACT_LOG" || action === "SCMP_ACT_TRACE";
}
