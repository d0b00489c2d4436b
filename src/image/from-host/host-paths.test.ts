import { describe, expect, test } from "bun:test";
import { checkHostPaths } from "./host-paths.ts";

describe("checkHostPaths", () => {
  test("takes absolute paths", () => {
    expect(checkHostPaths(["/bin/bash", "/opt/a,b"])).toEqual(["/bin/bash", "/opt/a,b"]);
  });

  test.each([
    [[], "nothing to pack"],
    [["bin/bash"], '"bin/bash": it is not an absolute path'],
    [["//"], "cannot pack /"],
  ])("refuses %j", (paths, message) => {
    expect(() => checkHostPaths(paths)).toThrow(message);
  });
});
