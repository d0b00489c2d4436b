import { GantryError } from "../../errors/gantry-error.ts";

const UNITS = ["", "k", "m", "g", "t", "p"];

/**
 * Bytes as runc's flags take them: `64m`, `1.5GiB`, `-1` for no limit.
 *
 * @param flag whose value it is, for the message.
 * @throws `invalid-argument`
 */
export function parseSize(text: string, flag: string): number {
  if (text === "-1") return -1;
  const match = /^(\d+(?:\.\d+)?) ?([kmgtp]?)(?:i?b)?$/i.exec(text);
  const bytes = Math.trunc(Number(match?.[1]) * 1024 ** UNITS.indexOf((match?.[2] ?? "").toLowerCase()));
  if (match === null || !Number.isSafeInteger(bytes))
    throw new GantryError("invalid-argument", `invalid value for ${flag}: invalid size: ${JSON.stringify(text)}`);
  return bytes;
}
