import { spawnSync } from "node:child_process";
import { join } from "node:path";

const root = join(import.meta.dir, "../..");

/** The command that runs another one as a user of this number, without any of root's rights. */
export function asOtherUser(userId: number): readonly string[] {
  return ["setpriv", "--reuid", `${userId}`, "--regid", `${userId}`, "--clear-groups"];
}

/** Why such a user cannot run this checkout; undefined if he can. */
export function otherUserSkipReason(userId: number): string | undefined {
  const [program = "", ...args] = asOtherUser(userId);
  const mayRead = (path: string) => spawnSync(program, [...args, "test", "-r", path]).status === 0;
  return [process.execPath, join(root, "src/cli/main.ts")].every(mayRead)
    ? undefined
    : "needs a checkout that others may read";
}
