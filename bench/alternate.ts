/** Something that is timed against others. */
export interface Contender {
  readonly name: string;
  /** Does it once. @returns milliseconds, where its own clock is not to count all of it */
  run(): Promise<number | undefined>;
}

export interface Measured {
  readonly name: string;
  readonly medianMs: number;
  readonly minMs: number;
  readonly maxMs: number;
}

/**
 * Times contenders in turn, A B C A B C …, so that a machine whose speed drifts is slow for all of them.
 *
 * @param options `rounds` that count, after `warmUps` that do not.
 */
export async function alternate(
  contenders: readonly Contender[],
  options: { readonly rounds: number; readonly warmUps: number },
): Promise<readonly Measured[]> {
  const times = new Map<Contender, number[]>(contenders.map((one) => [one, []]));
  for (let round = -options.warmUps; round < options.rounds; round++) {
    for (const contender of contenders) {
      const startedAt = performance.now();
      const own = await contender.run();
      const took = own ?? performance.now() - startedAt;
      if (round >= 0) times.get(contender)?.push(took);
    }
  }
  return contenders.map((contender) => summarize(contender.name, times.get(contender) ?? []));
}

export function summarize(name: string, times: readonly number[]): Measured {
  const sorted = times.toSorted((left, right) => left - right);
  return {
    name,
    medianMs: sorted[Math.trunc(sorted.length / 2)] ?? Number.NaN,
    minMs: sorted[0] ?? Number.NaN,
    maxMs: sorted.at(-1) ?? Number.NaN,
  };
}

/** Runs a program to its end, waiting for nothing else meanwhile. @throws with what it printed, if it fails. */
export function runToEnd(command: readonly string[], environment: Readonly<Record<string, string>> = {}): string {
  const { exitCode, stdout, stderr } = Bun.spawnSync([...command], {
    stdin: "ignore",
    env: { ...process.env, ...environment },
  });
  if (exitCode === 0) return stdout.toString();
  throw new Error(`${command.join(" ")} ended with ${exitCode}: ${stderr.toString().trim()}`);
}

/**
 * Runs a program to its end; what it starts may live on, and have its streams, which are nobody's.
 *
 * @param fd is its descriptor 3.
 * @throws if it fails
 */
export function runDetached(command: readonly string[], fd?: number): void {
  const { exitCode } = Bun.spawnSync([...command], {
    stdio: fd === undefined ? ["ignore", "ignore", "ignore"] : ["ignore", "ignore", "ignore", fd],
  });
  if (exitCode !== 0) throw new Error(`${command.join(" ")} ended with ${exitCode}`);
}
