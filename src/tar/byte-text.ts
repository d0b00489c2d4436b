const ESCAPE = 0xdc00;
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** How many bytes the UTF-8 sequence at `at` has, 0 if it is none (Unicode 15, table 3-7). */
function sequenceLength(bytes: Uint8Array, at: number): number {
  const [first = 0, second = 0, third = 0, fourth = 0] = bytes.subarray(at, at + 4);
  const isTail = (byte: number): boolean => byte >= 0x80 && byte <= 0xbf;
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return isTail(second) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    const low = first === 0xe0 ? 0xa0 : 0x80;
    const high = first === 0xed ? 0x9f : 0xbf;
    return second >= low && second <= high && isTail(third) ? 3 : 0;
  }
  if (first < 0xf0 || first > 0xf4) return 0;
  const low = first === 0xf0 ? 0x90 : 0x80;
  const high = first === 0xf4 ? 0x8f : 0xbf;
  return second >= low && second <= high && isTail(third) && isTail(fourth) ? 4 : 0;
}

/**
 * File names are bytes; most are UTF-8. What is not becomes a lone surrogate, U+DC80–U+DCFF for the bytes 0x80–0xFF (as in
 * Python's PEP 383), so that every name is a string and comes back as the bytes that it was.
 */
export function decodeByteText(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch {
    let text = "";
    for (let at = 0; at < bytes.length; ) {
      const length = sequenceLength(bytes, at);
      text +=
        length === 0 ? String.fromCharCode(ESCAPE + (bytes[at] ?? 0)) : decoder.decode(bytes.subarray(at, at + length));
      at += Math.max(length, 1);
    }
    return text;
  }
}

/** The bytes of a text from `decodeByteText`. */
export function encodeByteText(text: string): Uint8Array<ArrayBuffer> {
  if (text.isWellFormed()) return Buffer.from(text, "utf8");
  const parts: Uint8Array[] = [];
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    const isEscape = code >= ESCAPE + 0x80 && code <= ESCAPE + 0xff;
    parts.push(isEscape ? Uint8Array.of(code - ESCAPE) : Buffer.from(character, "utf8"));
  }
  return Buffer.concat(parts);
}
