import { expect, test } from "bun:test";
import { statSync } from "node:fs";
import { readJoinedNamespaces } from "./joined-namespaces.ts";

test("joined namespaces are those that init has, wherever the configuration's path leads by now", () => {
  const namespaces = [
    { type: "network", path: "/run/netns/gone" },
    { type: "pid" },
    { type: "ipc", path: "/x" },
  ] as const;
  expect(readJoinedNamespaces({ ociVersion: "1.2.0", linux: { namespaces } }, process.pid)).toEqual({
    network: statSync("/proc/self/ns/net").ino,
  });
});
