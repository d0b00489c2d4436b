const NANO_DIGITS = 9;

/** A whole number in decimal. */
export function parseInteger(text: string): number {
  const number = Number(text);
  if (!/^[+-]?\d{1,16}$/.test(text) || !Number.isSafeInteger(number)) {
    throw new Error(`parsing ${JSON.stringify(text)}: invalid syntax: a whole number is wanted`);
  }
  return number;
}

/** A whole number that is not negative. */
export function parseNatural(text: string): number {
  const number = parseInteger(text);
  if (number < 0) throw new Error(`parsing ${JSON.stringify(text)}: must not be negative`);
  return number;
}

/** Billionths of a processor from `1.5`, `.25`, `3/2`. */
export function parseCpus(text: string): number {
  const fraction = /^(\d{1,6})\/(\d{1,6})$/.exec(text);
  const decimal = /^\d{0,6}(?:\.(\d*))?$/.exec(text);
  if ((fraction === null && decimal === null) || !/\d/.test(text)) {
    throw new Error(`failed to parse ${text} as a rational number`);
  }
  const digits = (decimal?.[1] ?? "").replace(/0+$/, "");
  const value = fraction === null ? Number(text) : Number(fraction[1]) / Number(fraction[2]);
  const nano = Math.round(value * 1e9);
  if (digits.length > NANO_DIGITS || !Number.isFinite(value)) throw new Error("value is too precise");
  if (fraction !== null && Math.abs(value * 1e9 - nano) > 1e-6) throw new Error("value is too precise");
  return nano;
}
