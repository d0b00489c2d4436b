import { fstatSync } from "node:fs";
import { GantryError } from "../../errors/gantry-error.ts";

/** The caller's descriptors from 3 on that the program gets: those of socket activation (sd_listen_fds(3)), and more. */
export interface PreservedFds {
  readonly count: number;
  /** What the program has to be told of them. */
  readonly environment: readonly string[];
}

export interface PreserveOptions {
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** How many more the caller wants preserved; below 0: none, as with runc. */
  readonly preserveFds: number;
  /**
   * Whom `LISTEN_PID` must name for `LISTEN_FDS` to be meant for us (sd_listen_fds(3)).
   *
   * @default nobody: sockets are passed to a container, not to who joins it (runc)
   */
  readonly listenPid?: number;
}

function countListening({ environment, listenPid }: PreserveOptions): number {
  const { LISTEN_FDS: count = "", LISTEN_PID: pid } = environment;
  return listenPid !== undefined && pid === String(listenPid) && /^\d{1,4}$/.test(count) ? Number(count) : 0;
}

/** @throws `invalid-argument` for one that is not open. */
export function planPreservedFds(options: PreserveOptions): PreservedFds {
  const { environment, preserveFds } = options;
  if (preserveFds > 4096) throw new GantryError("invalid-argument", `--preserve-fds: ${preserveFds} is more than 4096`);
  const listen = countListening(options);
  const count = listen + Math.max(0, preserveFds);
  for (let fd = 3; fd < 3 + count; fd++) {
    try {
      fstatSync(fd);
    } catch {
      throw new GantryError("invalid-argument", `descriptor ${fd} is to be preserved and is not open`, {
        hint: "see --preserve-fds and LISTEN_FDS",
      });
    }
  }
  const names = environment.LISTEN_FDNAMES;
  const told = listen === 0 ? [] : [`LISTEN_FDS=${listen}`, "LISTEN_PID=1"];
  if (listen > 0 && names !== undefined) told.push(`LISTEN_FDNAMES=${names}`);
  return { count, environment: told };
}
