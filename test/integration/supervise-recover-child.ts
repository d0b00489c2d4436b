import { readFileSync, writeSync } from "node:fs";
import type { LaunchOptions } from "../../src/supervise/index.ts";
import { Supervisor } from "../../src/supervise/index.ts";
import { bootId, nowNs } from "./supervise-fixture.ts";

/** A daemon for the tests that kill it: launches what it is told, starts it, says so, and waits for its death. */
const [helperPath, optionsPath, how] = process.argv.slice(2);
const options = JSON.parse(readFileSync(optionsPath ?? "", "utf8"), (_, value) =>
  value !== null && typeof value === "object" && "$bigint" in value
    ? BigInt(value.$bigint)
    : value !== null && typeof value === "object" && "$bytes" in value
      ? new Uint8Array(Buffer.from(value.$bytes, "base64"))
      : value,
) as LaunchOptions;
const monitor = await new Supervisor({ helperPath: helperPath ?? "", bootId, nowNs }).launch(options);
if (how !== "unstarted") await monitor.start();
writeSync(1, `${JSON.stringify({ init: monitor.init, monitor: monitor.monitor })}\n`);
setInterval(() => {}, 1000);
