/** The keys that leave an attached terminal when nothing else is said. */
export const DEFAULT_DETACH_KEYS = "ctrl-p,ctrl-q";

const CONTROL_KEY = /^ctrl-([a-z@[\\\]^_])$/;

/** The bytes that a sequence of keys sends: `a`, `ctrl-p`, separated by commas. */
export function parseDetachKeys(text: string): Uint8Array {
  const bytes = text.split(",").map((key) => {
    if (/^[\x20-\x7e]$/.test(key)) return key.charCodeAt(0);
    const control = CONTROL_KEY.exec(key)?.[1];
    if (control === undefined) {
      throw new Error(`invalid detach keys (${text}): Unknown character: '${key}'`);
    }
    return control.toUpperCase().charCodeAt(0) - 0x40;
  });
  return Uint8Array.from(bytes);
}
