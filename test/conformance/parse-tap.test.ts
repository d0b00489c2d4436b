import { expect, test } from "bun:test";
import { parseTap } from "./parse-tap.ts";

test("assertions with what follows them", () => {
  const output =
    'TAP version 13\nok 1 - a\nnot ok 2 - b\n  ---\n  "error": "x"\n  ...\nnot ok 3 - c # SKIP no such kernel\nok\n1..4\n';
  expect(parseTap(output)).toEqual([
    { isPassed: true, text: "a", details: "" },
    { isPassed: false, text: "b", details: '  ---\n  "error": "x"\n  ...\n' },
    { isPassed: true, text: "c # SKIP no such kernel", details: "" },
    { isPassed: true, text: "", details: "" },
  ]);
});
