import { constants } from "node:os";
import { GantryError } from "../../errors/gantry-error.ts";

const LAST_SIGNAL = 64;
/** The C library keeps 32 and 33 for itself: SIGRTMIN is 34 (signal(7)). */
const FIRST_REALTIME = 34;

/**
 * Reads a signal as Docker's flags take it: a number from 1 to 64, or a name with or without `SIG`, in any case;
 * `RTMIN+n` and `RTMAX-n` too.
 *
 * @throws `invalid-argument`
 */
export function parseSignal(text: string): number {
  const invalid = (): GantryError => new GantryError("invalid-argument", `Invalid signal: ${text}`);
  if (/^[0-9]+$/.test(text)) {
    const number = Number(text);
    if (number < 1 || number > LAST_SIGNAL) throw invalid();
    return number;
  }
  const name = text.toUpperCase().replace(/^SIG/, "");
  const [, edge, offset = "0"] = /^(RTMIN|RTMAX)(?:[+-]([0-9]{1,2}))?$/.exec(name) ?? [];
  if (edge !== undefined) {
    const isPlus = name.includes("+");
    if (name.length > 5 && isPlus !== (edge === "RTMIN")) throw invalid();
    const number = edge === "RTMIN" ? FIRST_REALTIME + Number(offset) : LAST_SIGNAL - Number(offset);
    if (number < FIRST_REALTIME || number > LAST_SIGNAL) throw invalid();
    return number;
  }
  const known: Readonly<Record<string, number>> = constants.signals;
  const number = Object.hasOwn(known, `SIG${name}`)
    ? known[`SIG${name}`]
    : name === "CLD"
      ? constants.signals.SIGCHLD
      : undefined;
  if (number === undefined) throw invalid();
  return number;
}
