import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { Seccomp } from "../../oci/runtime-spec.ts";
import { type ListenerState, planListener } from "./seccomp-listener.ts";

const PROFILE: Seccomp = {
  defaultAction: "SCMP_ACT_ALLOW",
  listenerPath: "/run/agent.sock",
  listenerMetadata: "devices",
  syscalls: [{ names: ["mkdir"], action: "SCMP_ACT_NOTIFY" }],
};
const STATE: ListenerState = { ociVersion: "1.3.0", id: "box", status: "creating", bundle: "/b" };

/** What the agent reads, with the number that the helper fills in. */
function received(profile: Seccomp, state: ListenerState): unknown {
  return JSON.parse(planListener(profile, state)?.message.join("42") ?? "null");
}

describe("planListener", () => {
  test("a container's own process: its number stands in both places", () => {
    expect(received(PROFILE, { ...STATE, annotations: { key: "value" } })).toEqual({
      ociVersion: "1.3.0",
      fds: ["seccompFd"],
      pid: 42,
      metadata: "devices",
      state: {
        ociVersion: "1.3.0",
        id: "box",
        status: "creating",
        pid: 42,
        bundle: "/b",
        annotations: { key: "value" },
      },
    });
  });

  test("a process that joins: the container's number is its init's", () => {
    const { listenerMetadata: _, ...plain } = PROFILE;
    expect(received(plain, { ...STATE, status: "running", pid: 7 })).toEqual({
      ociVersion: "1.3.0",
      fds: ["seccompFd"],
      pid: 42,
      state: { ociVersion: "1.3.0", id: "box", status: "running", pid: 7, bundle: "/b" },
    });
  });

  test("without a call that is asked about the path is ignored", () => {
    expect(planListener({ defaultAction: "SCMP_ACT_ALLOW", listenerPath: "relative" }, STATE)).toBeUndefined();
  });

  test.each([
    [undefined, "listenerPath is not set"],
    ["", "listenerPath is not set"],
    ["agent.sock", "must be an absolute path"],
    ["@abstract", "must be an absolute path"],
    [`/${"a".repeat(107)}`, "longer than 107 bytes"],
  ])("%p is refused", (listenerPath, sentence) => {
    const profile = { ...PROFILE, ...(listenerPath === undefined ? { listenerPath: "" } : { listenerPath }) };
    expect(() => planListener(profile, STATE)).toThrow(sentence);
  });

  test("any text arrives as it was, and splits nothing", () => {
    const text = fc.string({ unit: "binary" });
    fc.assert(
      fc.property(text, text, fc.dictionary(text, text), (id, metadata, annotations) => {
        const profile = { ...PROFILE, listenerMetadata: metadata };
        expect(planListener(profile, { ...STATE, id, annotations })?.message).toHaveLength(3);
        expect(received(profile, { ...STATE, id, annotations })).toMatchObject({ state: { id, annotations } });
      }),
    );
  });
});
