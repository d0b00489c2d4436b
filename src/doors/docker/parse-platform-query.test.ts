import { expect, test } from "bun:test";
import { GantryError } from "../../errors/gantry-error.ts";
import { parsePlatformQuery } from "./parse-platform-query.ts";

test("text and JSON name the same platforms", () => {
  const given = [
    undefined,
    "linux/arm64/v8",
    "arm64",
    '{"os":"linux","architecture":"arm64","variant":"v8"}',
    '{"os":"Linux","architecture":"x86_64","variant":""}',
  ];
  expect(given.map(parsePlatformQuery)).toEqual([
    undefined,
    { os: "linux", architecture: "arm64" },
    { os: "linux", architecture: "arm64" },
    { os: "linux", architecture: "arm64" },
    { os: "linux", architecture: "amd64" },
  ]);
});

test("what is no platform is refused", () => {
  for (const text of ["", "a/b/c/d", "nonsense", "{", '{"os":"linux"}', '{"os":1,"architecture":"arm64"}']) {
    expect(() => parsePlatformQuery(text)).toThrow(GantryError);
  }
});
