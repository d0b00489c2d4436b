import { setTimeout as sleep } from "node:timers/promises";
import { workerPort } from "../../platform/worker.ts";
import { Pace } from "./pace.ts";
import type { VerifyTask } from "./scrub-protocol.ts";
import { verifyFile } from "./verify-file.ts";

/** The entry point of the thread of `FileVerifier`: one task after the other, one answer to each. */
const port = workerPort();
const pace = new Pace({ nowMs: () => performance.now(), sleep: (durationMs) => sleep(durationMs) });

port.onMessage((message) => {
  void verifyFile(message as VerifyTask, pace).then((verification) => port.post(verification));
});
