/** The newest version of Docker's Engine API that this program speaks, as the docker client's negotiation compares it. */
export const API_VERSION = "1.51";

/** The oldest that is answered: Docker's own daemons stop here too (moby, `api/docs/CHANGELOG.md`). */
export const MINIMUM_API_VERSION = "1.24";

/** Compares two versions as numbers: `1.9` is older than `1.24`. Negative when `left` is older. */
export function compareApiVersions(left: string, right: string): number {
  const [leftMajor = 0, leftMinor = 0] = left.split(".").map(Number);
  const [rightMajor = 0, rightMinor = 0] = right.split(".").map(Number);
  return leftMajor - rightMajor || leftMinor - rightMinor;
}
