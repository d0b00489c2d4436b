import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { parseChallenges } from "./challenge.ts";

function read(header: string): unknown {
  return parseChallenges(header).map(({ scheme, parameters }) => [scheme, { ...parameters }]);
}

describe("parseChallenges", () => {
  test("reads what registries send", () => {
    expect(
      read('Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push"'),
    ).toEqual([
      [
        "bearer",
        { realm: "https://auth.docker.io/token", service: "registry.docker.io", scope: "repository:a/b:pull,push" },
      ],
    ]);
    expect(read('Basic realm="Registry Realm"')).toEqual([["basic", { realm: "Registry Realm" }]]);
  });

  test("reads several challenges, odd spacing, escapes and bare values", () => {
    expect(read('Negotiate, Basic realm=x , BEARER Realm = "a \\"b\\"" , service=s')).toEqual([
      ["negotiate", {}],
      ["basic", { realm: "x" }],
      ["bearer", { realm: 'a "b"', service: "s" }],
    ]);
  });

  test("stops at what it cannot read", () => {
    expect(read('Bearer realm="open')).toEqual([["bearer", {}]]);
    expect(read("")).toEqual([]);
    expect(read("Bearer __proto__=x")).toEqual([["bearer", { ["__proto__"]: "x" }]]);
  });

  test("ends on any input", () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom("Bearer", " ", ",", "=", '"', "\\", "a", "é", "\n")), (parts) => {
        expect(Array.isArray(parseChallenges(parts.join("")))).toBe(true);
      }),
    );
  });
});
