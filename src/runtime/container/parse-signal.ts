import { constants } from "node:os";
import { GantryError } from "../../errors/gantry-error.ts";

const MAX_SIGNAL = 64;
const SIGRTMIN = 34;
const SIGRTMAX = 64;

/** The number of a signal: `9`, `KILL`, `sigkill`, `RTMIN+3`. @throws `invalid-argument` */
export function parseSignal(text: string): number {
  if (/^\d{1,3}$/.test(text) && Number(text) <= MAX_SIGNAL) return Number(text);
  const name = text.toUpperCase().replace(/^(?!SIG)/, "SIG");
  const known = (constants.signals as Readonly<Record<string, number>>)[name];
  if (known !== undefined) return known;
  const real = /^SIGRT(MIN\+|MAX-)?(\d{1,2})?$|^SIGRT(MIN|MAX)$/.exec(name);
  const number =
    real?.[3] === "MIN"
      ? SIGRTMIN
      : real?.[3] === "MAX"
        ? SIGRTMAX
        : real?.[1] === "MIN+"
          ? SIGRTMIN + Number(real[2])
          : real?.[1] === "MAX-"
            ? SIGRTMAX - Number(real[2])
            : Number.NaN;
  if (number >= SIGRTMIN && number <= SIGRTMAX) return number;
  throw new GantryError("invalid-argument", `unknown signal ${JSON.stringify(text)}`);
}
