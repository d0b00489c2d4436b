import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { isGantryError } from "../../errors/gantry-error.ts";
import { parseEntryPath, roleOf } from "./entry-path.ts";

const limits = { pathBytesMax: 4095 };

describe("parseEntryPath", () => {
  test("reads what tars call the root, and paths with dots", () => {
    for (const root of ["./", ".", "/", ""]) expect(parseEntryPath(root, limits)).toEqual([]);
    expect(parseEntryPath("./a//b/./c/../d/", limits)).toEqual(["a", "b", "d"]);
  });

  test("never gives a component that could leave, whatever the name", () => {
    const piece = fc.constantFrom("..", ".", "", "a", "..a", "/", "b");
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        try {
          const parts = parseEntryPath(pieces.join("/"), limits);
          expect(parts.every((part) => part !== "" && part !== "." && part !== ".." && !part.includes("/"))).toBe(true);
        } catch (error) {
          expect(isGantryError(error, "invalid-argument")).toBe(true);
        }
      }),
    );
  });
});

describe("roleOf", () => {
  test("tells whiteouts from content and from aufs's bookkeeping", () => {
    expect(roleOf(["a", ".wh.b"])).toEqual({ kind: "whiteout", target: "b" });
    expect(roleOf(["a", ".wh..wh..opq"])).toEqual({ kind: "opaque" });
    expect(roleOf([".wh..wh.plnk", "1.2"])).toEqual({ kind: "ignored" });
    expect(roleOf([".wh..wh.aufs"])).toEqual({ kind: "ignored" });
    expect(roleOf(["wh.a"])).toEqual({ kind: "plain" });
  });
});
