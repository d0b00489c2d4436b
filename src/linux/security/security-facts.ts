import { existsSync, readFileSync } from "node:fs";
import { SYS, syscall } from "../../platform/libc.ts";

/** What of mandatory access control this kernel does. */
export interface SecurityFacts {
  readonly apparmor: boolean;
  readonly selinux: boolean;
  /** Version of Landlock's interface; 0 without Landlock. */
  readonly landlockAbi: number;
}

/** A kernel that has none of it. */
export const NO_SECURITY_MODULES: SecurityFacts = { apparmor: false, selinux: false, landlockAbi: 0 };

/** include/uapi/linux/landlock.h: LANDLOCK_CREATE_RULESET_VERSION */
const ASK_FOR_VERSION = 1;

/** Looks at the running kernel. A module counts when it is switched on and its file system is there to speak with it. */
export function readSecurityFacts(): SecurityFacts {
  return {
    apparmor: existsSync("/sys/kernel/security/apparmor") && read("/sys/module/apparmor/parameters/enabled") === "Y",
    selinux: existsSync("/sys/fs/selinux/enforce"),
    landlockAbi: Math.max(0, syscall(SYS.landlock_create_ruleset, null, 0, ASK_FOR_VERSION)),
  };
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    return "";
  }
}
