const DISTANCE_MAX = 2;

/** How many letters have to be put in, left out, changed or swapped to make `b` of `a` (Damerau–Levenshtein). */
export function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let above = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const isSame = a[row - 1] === b[column - 1];
      let cost = Math.min(
        (above[column] ?? 0) + 1,
        (current[column - 1] ?? 0) + 1,
        (above[column - 1] ?? 0) + (isSame ? 0 : 1),
      );
      if (row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]) {
        cost = Math.min(cost, (before[column - 2] ?? 0) + 1);
      }
      current[column] = cost;
    }
    before = above;
    above = current;
  }
  return above[b.length] ?? 0;
}

/** Which of `known` may have been meant by `typed`, nearest first. */
export function suggest(typed: string, known: readonly string[]): readonly string[] {
  const lower = typed.toLowerCase();
  return known
    .map((word) => ({ word, distance: editDistance(lower, word) }))
    .filter(
      ({ word, distance }) =>
        distance <= Math.min(DISTANCE_MAX, word.length - 1) || (lower.length > 1 && word.startsWith(lower)),
    )
    .sort((a, b) => a.distance - b.distance || (a.word < b.word ? -1 : 1))
    .slice(0, 3)
    .map(({ word }) => word);
}
