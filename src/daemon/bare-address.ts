/** True for `https://registry.example.org`: a scheme, a host, perhaps a port, and nothing behind. */
export function isBareAddress(text: string): boolean {
  return /^https?:\/\/[^/?#@\s\\]+$/.test(text) && URL.canParse(text);
}
