/**
 * A wait between half of `longestMs` and all of it: those who were turned away together do not come back together.
 *
 * @param random gives a number between 0 and 1.
 */
export function jittered(longestMs: number, random: () => number): number {
  return Math.round(longestMs / 2 + (longestMs / 2) * random());
}
