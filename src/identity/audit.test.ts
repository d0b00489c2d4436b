import { expect, test } from "bun:test";
import { formatAuditRecord } from "./audit.ts";

test("a hostile name stays on its line, and is cut", () => {
  const line = formatAuditRecord(
    {
      who: { name: undefined, method: "anonymous", address: "192.0.2.1" },
      action: "pull",
      repository: `a\n{"allowed":true}${"x".repeat(5000)}`,
      isAllowed: false,
      reason: "y".repeat(5000),
    },
    0,
  );
  expect(line).not.toContain("\n");
  expect(line.length).toBeLessThan(1500);
  expect(JSON.parse(line)).toMatchObject({ time: "1970-01-01T00:00:00.000Z", user: null, allowed: false });
});
