import { expect, test } from "bun:test";
import type { HostConfig } from "../../api/host-config.ts";
import { parseSecurity } from "./parse-security.ts";

test("of several seccomp profiles the last one counts", () => {
  const parse = (...profiles: string[]): string | undefined =>
    parseSecurity({ SecurityOpt: profiles.map((profile) => `seccomp=${profile}`) } as unknown as HostConfig).seccomp;
  expect([parse("unconfined", "builtin"), parse("builtin", "unconfined"), parse("{}")]).toEqual([
    "builtin",
    "unconfined",
    "{}",
  ]);
});
