import { mkdtempSync, rmdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { diskError } from "../errors/disk-error.ts";
import { GantryError } from "../errors/gantry-error.ts";

/**
 * Sees that the registry in a root is not another user's: whom root serves or looks after it for could not read, nor remove, what root makes
 * there. A root in which no registry was served yet is anybody's.
 *
 * @param database of the root: whose that is, the registry is
 * @throws `permission-denied` with both ways out
 */
export function requireOwnRoot(root: string, database: string): void {
  const user = process.geteuid?.();
  const owner = statSync(join(root, database), { throwIfNoEntry: false })?.uid;
  if (owner === undefined || owner === user || owner === ownerOfNew(root)) return;
  throw new GantryError(
    "permission-denied",
    `the registry in ${root} is that of user ${owner}, who could not use what user ${user} makes there`,
    {
      hint: `run the command as that user, by sudo -u '#${owner}', or hand the registry over, by chown -R ${user} ${root}`,
    },
  );
}

/** Whose a file is that this process makes: some file systems know one user only, whoever asks. */
function ownerOfNew(root: string): number {
  try {
    const made = mkdtempSync(join(root, ".owner-"));
    try {
      return statSync(made).uid;
    } finally {
      rmdirSync(made);
    }
  } catch (cause) {
    throw diskError(`cannot use ${root}`, cause);
  }
}
