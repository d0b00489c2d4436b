/**
 * A v2 `cpu.weight` (1–10000, default 100) for v1 `cpu.shares` (2–262144, default 1024).
 *
 * The older linear conversion made the default of one (1024) 39 of the other, so that a container with Docker's default
 * had a third of the weight of any process of the host. Since runc 1.3 (opencontainers/cgroups) and crun 1.23 the
 * exponent is a quadratic in log2(shares) that goes through all three points: minimum, default and maximum.
 */
export function cpuWeightOfShares(shares: number): number {
  if (shares <= 2) return 1;
  if (shares >= 262_144) return 10_000;
  const log = Math.log2(shares);
  return Math.ceil(10 ** ((log * log + 125 * log) / 612 - 7 / 34));
}

/** A v2 `io.weight` (1–10000) for a v1 `blkio.weight` (10–1000), linear as in runc and crun. */
export function ioWeightOfBlkioWeight(weight: number): number {
  return 1 + Math.floor(((weight - 10) * 9999) / 990);
}
