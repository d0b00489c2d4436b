import { type FlagValues, textFlag, valueFlag } from "../flags/flag.ts";
import { parseSeconds } from "./run-flags.ts";

/** How a container is stopped: the flags of `stop` and `restart`. */
export const STOP_FLAGS = {
  signal: textFlag("Signal to send to the container", { short: "s" }),
  timeout: valueFlag("int", parseSeconds, "Seconds to wait before killing the container, -1 for ever", {
    short: "t",
    aliases: ["time"],
  }),
} as const;

/** What the API is told of them. */
export function stopOptions({ signal, timeout }: FlagValues<typeof STOP_FLAGS>): {
  readonly signalName?: string;
  readonly timeoutSeconds?: number;
} {
  return {
    ...(signal === undefined ? {} : { signalName: signal }),
    ...(timeout === undefined ? {} : { timeoutSeconds: timeout }),
  };
}
