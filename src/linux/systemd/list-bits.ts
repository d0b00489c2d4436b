/** More processors than any kernel is built for. */
const MAX_BIT = 65_535;

/** A list of numbers and ranges (`0-2,7`) as a bit mask, lowest first, as systemd takes it; undefined for another text. */
export function bitsOfList(list: string): Uint8Array | undefined {
  const numbers: number[] = [];
  for (const part of list.split(",")) {
    const match = /^\s*(\d{1,5})(?:-(\d{1,5}))?\s*$/.exec(part);
    if (match === null) return undefined;
    const first = Number(match[1]);
    const last = Number(match[2] ?? match[1]);
    if (first > last || last > MAX_BIT) return undefined;
    for (let number = first; number <= last; number++) numbers.push(number);
  }
  const bytes = new Uint8Array((Math.max(...numbers) >> 3) + 1);
  for (const number of numbers) bytes[number >> 3] = (bytes[number >> 3] ?? 0) | (1 << (number & 7));
  return bytes;
}
