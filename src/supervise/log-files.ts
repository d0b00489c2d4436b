/** Names of log files are numbers that only grow (`<n>.log`): the numbers among `names`, ascending. */
export function logNumbers(names: readonly string[]): number[] {
  return names
    .map((name) => Number(/^([1-9]\d{0,14})\.log$/.exec(name)?.[1] ?? 0))
    .filter((number) => number > 0)
    .sort((a, b) => a - b);
}
