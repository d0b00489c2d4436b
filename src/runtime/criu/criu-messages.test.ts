import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { decodeResponse, encodeRequest } from "./criu-messages.ts";

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

describe("a request to criu", () => {
  test("is the wire form of rpc.proto", () => {
    expect(hex(encodeRequest({ type: "version" }))).toBe("080a");
    expect(hex(encodeRequest({ type: "notify", isNotified: true }))).toBe("08061801");
    expect(hex(encodeRequest({ type: "feature-check", features: { tracksMemory: true } }))).toBe("08092a020801");
  });

  test("has the options under their numbers, and nothing for what is absent", () => {
    const options = {
      imagesDirFd: 7,
      pid: 300,
      leaveRunning: false,
      externalMounts: [{ key: "/a", value: "/b" }],
      cgroupMode: "soft",
      emptyNamespaces: 0x40000000,
      inheritFds: [{ key: "pipe:[1]", fd: 0 }],
      external: ["net[5]:extRootNetNS"],
    } as const;
    expect(hex(encodeRequest({ type: "dump", options }))).toBe(
      [
        "0801",
        "1241",
        "0807",
        "10ac02",
        "1800",
        "ba01080a022f6112022f62",
        "da010c0a08706970653a5b315d1000",
        "900203",
        "aa02136e65745b355d3a657874526f6f744e65744e53",
        "b0028080808004",
      ].join(""),
    );
  });
});

describe("a response of criu's", () => {
  test("to a dump that failed has its error number and its words", () => {
    expect(decodeResponse(Buffer.from("08011000380d4a026e6f", "hex"))).toEqual({
      type: "dump",
      isSuccess: false,
      errno: 13,
      message: "no",
    });
  });

  test("that notifies has a name and a process", () => {
    expect(decodeResponse(Buffer.from("080610012a110a0c706f73742d726573746f726510ac02", "hex"))).toEqual({
      type: "notify",
      isSuccess: true,
      errno: 0,
      message: "",
      notification: { name: "post-restore", pid: 300 },
    });
  });

  test("tells version and features; what is not known is passed over", () => {
    expect(decodeResponse(Buffer.from("080a100152080803101120011a0167", "hex")).version).toEqual({
      major: 3,
      minor: 17,
      sublevel: 1,
      isBetween: true,
    });
    expect(decodeResponse(Buffer.from("0809100142040801100058637a0178", "hex")).features).toEqual({
      tracksMemory: true,
      hasLazyPages: false,
    });
    expect(decodeResponse(Buffer.from("08631001", "hex")).type).toBeUndefined();
  });

  test("of any bytes is read or refused, and never more than that", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          expect(typeof decodeResponse(bytes).isSuccess).toBe("boolean");
        } catch (error) {
          expect(error).toBeInstanceOf(Error);
        }
      }),
    );
  });
});
