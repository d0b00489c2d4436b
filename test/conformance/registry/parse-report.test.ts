import { expect, test } from "bun:test";
import { parseReport } from "./parse-report.ts";

const REPORT = `Test results
OCI Conformance Test: FAIL
  OCI Conformance Test/ping: Pass
  OCI Conformance Test/sha256 blobs: FAIL
    OCI Conformance Test/sha256 blobs/get-missing: Pass
    OCI Conformance Test/sha256 blobs/mount: FAIL
      OCI Conformance Test/sha256 blobs/mount/blob-mount: FAIL
       - blob post failed
unexpected status: 500
      OCI Conformance Test/sha256 blobs/mount/blob-head: Skip

Configuration:
  registry: 127.0.0.1:1

OCI Conformance Result: FAIL
  Disabled......................:          2
  Skip..........................:          1
  Pass..........................:         10
  FAIL..........................:          1
  Error.........................:          0
  Total.........................:         14

API conformance:
  Ping..........................:       Pass
`;

test("the report of the suite is counted, and what did not pass is named with its reason", () => {
  const { others, ...counts } = parseReport(REPORT);
  expect(counts).toEqual({ passed: 10, failed: 1, skipped: 3 });
  expect(others).toEqual([
    { name: "sha256 blobs/mount/blob-mount", status: "FAIL", why: ["blob post failed", "unexpected status: 500"] },
    { name: "sha256 blobs/mount/blob-head", status: "Skip", why: [] },
  ]);
});

test("a suite that did not come to its end has no result", () => {
  expect(() => parseReport("failed to load config")).toThrow("did not come to its end");
});
