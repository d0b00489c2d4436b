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

test("a profile of AppArmor and SELinux's labels are handed on; each of the latter counts", () => {
  const parse = (...options: string[]) => parseSecurity({ SecurityOpt: options } as unknown as HostConfig);
  expect(parse("apparmor=mine", "label=type:t", "label:level:s0:c1,c2")).toEqual({
    appArmorProfile: "mine",
    labels: ["type:t", "level:s0:c1,c2"],
  });
  for (const option of ["apparmor", "apparmor=", 'apparmor=a"b', "label=nested", 'label=level:s0"', "label=type:"])
    expect(() => parse(option)).toThrow("invalid --security-opt");
});
