const SECONDS = { minute: 60, hour: 3600, day: 86_400, week: 604_800, month: 2_592_000, year: 31_536_000 } as const;
const DECIMAL_UNITS: readonly string[] = ["B", "kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"];
const BINARY_UNITS: readonly string[] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"];

/** `About a minute`, `3 days`: how long in round words (docker/go-units, `HumanDuration`). */
export function humanDuration(seconds: number): string {
  const whole = Math.trunc(seconds);
  if (whole < 1) return "Less than a second";
  if (whole === 1) return "1 second";
  if (whole < SECONDS.minute) return `${whole} seconds`;
  const minutes = Math.trunc(seconds / SECONDS.minute);
  if (minutes === 1) return "About a minute";
  if (minutes < 60) return `${minutes} minutes`;
  const hours = Math.trunc(seconds / SECONDS.hour + 0.5);
  if (hours === 1) return "About an hour";
  if (hours < 48) return `${hours} hours`;
  if (hours < 24 * 7 * 2) return `${Math.trunc(hours / 24)} days`;
  if (hours < 24 * 30 * 2) return `${Math.trunc(hours / 24 / 7)} weeks`;
  if (hours < 24 * 365 * 2) return `${Math.trunc(hours / 24 / 30)} months`;
  return `${Math.trunc(seconds / SECONDS.year)} years`;
}

/** A number with so many significant digits, without zeros at its end, as Go's `%.*g` writes it. */
function significant(value: number, digits: number): string {
  const rounded = Number(value.toPrecision(digits));
  if (rounded !== 0 && rounded >= 10 ** digits) {
    return rounded.toExponential().replace(/e\+(\d)$/, "e+0$1");
  }
  return String(rounded);
}

function scale(bytes: number, base: number, units: readonly string[], digits: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= base && unit < units.length - 1) {
    value /= base;
    unit++;
  }
  return `${significant(value, digits)}${units[unit]}`;
}

/** `4.26MB`: bytes in powers of 1000 (docker/go-units, `HumanSizeWithPrecision`). */
export function humanSize(bytes: number, significantDigits = 3): string {
  return scale(bytes, 1000, DECIMAL_UNITS, significantDigits);
}

/** `15.6GiB`: bytes in powers of 1024 (docker/go-units, `BytesSize`). */
export function binarySize(bytes: number): string {
  return scale(bytes, 1024, BINARY_UNITS, 4);
}

const SHORT_ID_LENGTH = 12;

/** The first 12 digits of an id, without the name of its algorithm. */
export function shortId(id: string): string {
  const colon = id.indexOf(":");
  return id.slice(colon + 1, colon + 1 + SHORT_ID_LENGTH);
}

/** How many columns a character takes: two for East Asian wide ones. */
function width(character: string): number {
  const wide =
    /[\u1100-\u115f\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|[\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u;
  return wide.test(character) ? 2 : 1;
}

/** `text` in at most `columns` columns, ending in `…` where it was cut. */
export function ellipsis(text: string, columns: number): string {
  const characters = [...text];
  let used = 0;
  let kept = "";
  for (const character of characters) {
    used += width(character);
    if (used <= columns - 1) kept += character;
  }
  return used <= columns ? text : `${kept}…`;
}
