/** An engine as the benchmarks see it: through its command line, with a place of its own. */
export interface EnginePeer extends AsyncDisposable {
  readonly name: string;
  readonly version: string;
  /** Its command with what every call needs. */
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** The name under which `busybox` was loaded. */
  readonly image: string;
  /** Its processes that stay, whatever runs. */
  daemons(): readonly number[];
  /** How a process that sees to one container can be told (a part of its command line). */
  readonly supervisor: string;
}

/** Why a benchmark has nothing to compare itself with here. */
export class PeerAbsent extends Error {}
