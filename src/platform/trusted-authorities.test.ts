import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { trustedAuthorities } from "./trusted-authorities.ts";

const BUNDLE = "/etc/ssl/certs/ca-certificates.crt";
const END = "-----END CERTIFICATE-----";

test.skipIf(!existsSync(BUNDLE))("the authorities that the host trusts are trusted", () => {
  const plain = (text: string) => text.replace(/\s/g, "");
  const trusted = new Set(trustedAuthorities().map(plain));
  const installed = readFileSync(BUNDLE, "utf8").split(END).slice(0, -1);
  expect(installed.length).toBeGreaterThan(0);
  for (const text of installed) expect(trusted.has(plain(`${text}${END}`))).toBe(true);
});
