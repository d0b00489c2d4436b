import { fstatSync } from "node:fs";
import { GantryError } from "../../errors/gantry-error.ts";

/** The caller's descriptors from 3 on that the program gets: those of socket activation (sd_listen_fds(3)), and more. */
export interface PreservedFds {
  readonly count: number;
  /** What the program has to be told of them. */
  readonly environment: readonly string[];
}

/** @throws `invalid-argument` for one that is not open. */
export function planPreservedFds(
  environment: Readonly<Record<string, string | undefined>>,
  preserveFds: number,
): PreservedFds {
  if (preserveFds < 0 || preserveFds > 4096)
    throw new GantryError("invalid-argument", `--preserve-fds: ${preserveFds} is not a number from 0 to 4096`);
  const listenText = environment.LISTEN_FDS ?? "";
  const listen = /^\d{1,4}$/.test(listenText) ? Number(listenText) : 0;
  const count = listen + preserveFds;
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
