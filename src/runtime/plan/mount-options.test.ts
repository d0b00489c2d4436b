import { describe, expect, test } from "bun:test";
import { parseMountOptions } from "./mount-options.ts";

describe("parseMountOptions", () => {
  test("sorts options by who has to know them", () => {
    expect(parseMountOptions(["rbind", "ro", "rnosuid", "rslave", "size=64m", "noatime,sync"], "x")).toEqual({
      bind: "rbind",
      attributes: { set: 0x11, clear: 0x70 },
      recursive: { set: 2, clear: 0 },
      propagation: (1 << 19) | (1 << 14),
      data: ["size=64m", "sync"],
    });
  });

  test("the later of two contrary options wins", () => {
    expect(parseMountOptions(["ro", "rw"], "x").attributes).toEqual({ set: 0, clear: 1 });
    expect(parseMountOptions(["rw", "ro"], "x").attributes).toEqual({ set: 1, clear: 0 });
  });

  test("refuses what is not there yet", () => {
    expect(() => parseMountOptions(["tmpcopyup"], "mounts[1].options")).toThrow(
      'mounts[1].options: the mount option "tmpcopyup"',
    );
  });
});
